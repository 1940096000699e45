"""Matrix products at the speed of the machine: one micro-kernel, written for LLVM, and a loop over its tiles.

    out[m, n] = start[m, n] + sum over k of a[m, k] * b[k, n]

A tile is a few rows of `out` by a few vectors of its columns. It stays in registers while k runs: each k loads the
vectors of b once, each entry of a once, and does rows * vectors fused multiply-adds (Goto and van de Geijn 2008,
"Anatomy of High-Performance Matrix Multiplication"). Loops in Python are left to the compiler's judgement, which
writes the tile to memory at every k; so the tile is built as vector instructions, which numba compiles for the
machine it runs on. Nothing else here knows about vectors.

LANES    float32 numbers of one vector; every number of columns is a multiple of it
stride   distance in an array from one row (or one k) to the next; any, so that products need no transposed copies
"""

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_FEATURES = llvm.get_host_cpu_features()
_HAS_AVX512 = bool(_FEATURES.get("avx512f", False))

LANES = 16 if _HAS_AVX512 else 8
ROWS = 8
"""every number of rows is a multiple of it"""
_WIDE = 4 if _HAS_AVX512 else 2  # vectors of the widest tile: with its four rows it fills half the registers

_FLOAT = ir.FloatType()
_INT = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_LANE_0 = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


def padded(size: int) -> int:
    """The next multiple of LANES."""
    return -(-size // LANES) * LANES


def _tile(rows: int, vectors: int) -> Any:
    """The micro-kernel for a tile of `rows` by `vectors * LANES`.

    Its arguments: a, place of a[0, 0], strides of m and k; b, place of b[0, 0], stride of k; start, place, stride of m;
    out, place, stride of m; number of k. Arrays are flat float32, the rest is int64.
    """

    @intrinsic
    def tile(context, a, a_at, a_m, a_k, b, b_at, b_k, start, start_at, start_m, out, out_at, out_m, depth):  # type: ignore[no-untyped-def]
        def codegen(context, build, signature, args):  # type: ignore[no-untyped-def]
            def pointer(place: int) -> ir.Value:
                return context.make_array(signature.args[place])(context, build, args[place]).data

            a, b, start, out = (pointer(place) for place in (0, 4, 7, 10))
            a_at, a_m, a_k, b_at, b_k = (args[place] for place in (1, 2, 3, 5, 6))
            start_at, start_m, out_at, out_m, depth = (args[place] for place in (8, 9, 11, 12, 13))
            multiply_add = cgutils.get_or_insert_function(
                build.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f32"
            )

            def vector_pointer(array: ir.Value, at: ir.Value, v: int) -> ir.Value:
                return build.bitcast(build.gep(array, [build.add(at, _INT(v * LANES))]), _VECTOR.as_pointer())

            def load_vector(array: ir.Value, at: ir.Value, v: int) -> ir.Value:
                return build.load(vector_pointer(array, at, v), align=4)

            def load_repeated(array: ir.Value, at: ir.Value) -> ir.Value:
                undefined = ir.Constant(_VECTOR, ir.Undefined)
                lone = build.insert_element(undefined, build.load(build.gep(array, [at])), ir.IntType(32)(0))
                return build.shuffle_vector(lone, undefined, _LANE_0)

            def row(at: ir.Value, stride: ir.Value, m: int) -> ir.Value:
                return build.add(at, build.mul(stride, _INT(m)))

            tile = [(m, v) for m in range(rows) for v in range(vectors)]
            before = build.block
            sums = {(m, v): load_vector(start, row(start_at, start_m, m), v) for m, v in tile}
            loop, after = build.append_basic_block("k"), build.append_basic_block("store")
            build.branch(loop)

            build.position_at_end(loop)
            k = build.phi(_INT)
            k.add_incoming(_INT(0), before)
            running = {place: build.phi(_VECTOR) for place in tile}
            b_row = build.add(b_at, build.mul(k, b_k))
            b_vectors = [load_vector(b, b_row, v) for v in range(vectors)]
            a_column = build.add(a_at, build.mul(k, a_k))
            a_repeated = [load_repeated(a, row(a_column, a_m, m)) for m in range(rows)]
            grown = {(m, v): build.call(multiply_add, [a_repeated[m], b_vectors[v], running[m, v]]) for m, v in tile}
            for place in tile:
                running[place].add_incoming(sums[place], before)
                running[place].add_incoming(grown[place], loop)
            next_k = build.add(k, _INT(1))
            k.add_incoming(next_k, loop)
            build.cbranch(build.icmp_signed("<", next_k, depth), loop, after)

            build.position_at_end(after)
            for m, v in tile:
                build.store(grown[m, v], vector_pointer(out, row(out_at, out_m, m), v), align=4)
            return context.get_dummy_value()

        ints = [types.int64] * 3
        return types.void(a, *ints, b, *ints[:2], start, *ints[:2], out, *ints[:2], types.int64), codegen

    return tile


_wide_tile = _tile(4, _WIDE)
_pair_tile = _tile(ROWS if _HAS_AVX512 else 4, 2)
_PAIR_ROWS = ROWS if _HAS_AVX512 else 4
_narrow_tile = _tile(ROWS, 1)


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(
    a: np.ndarray, a_m: int, a_k: int, b: np.ndarray, b_k: int, start: np.ndarray, start_m: int,
    out: np.ndarray, out_m: int, rows: int, columns: int, depth: int,
) -> None:  # fmt: skip
    """The product above, of flat arrays: `rows` a multiple of ROWS, `columns` of LANES, `depth` (of k) at least 1.

    `start` may be `out` itself, to add to it, or one row with stride 0, such as a bias.
    """
    n = 0
    while n < columns:
        vectors = (columns - n) // LANES
        if vectors >= _WIDE:
            for m in range(0, rows, 4):
                _wide_tile(a, m * a_m, a_m, a_k, b, n, b_k, start, m * start_m + n, start_m, out, m * out_m + n, out_m, depth)
            n += _WIDE * LANES
        elif vectors >= 2:
            for m in range(0, rows, _PAIR_ROWS):
                _pair_tile(a, m * a_m, a_m, a_k, b, n, b_k, start, m * start_m + n, start_m, out, m * out_m + n, out_m, depth)
            n += 2 * LANES
        else:
            for m in range(0, rows, ROWS):
                _narrow_tile(a, m * a_m, a_m, a_k, b, n, b_k, start, m * start_m + n, start_m, out, m * out_m + n, out_m, depth)
            n += LANES
