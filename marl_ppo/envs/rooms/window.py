"""A row of a window, as one vector: what the compiler makes of a loop over so few cells takes several times as long.

Vectors are those of LLVM, which numba compiles for the machine it runs on; a mask keeps them within the row.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from marl_ppo.envs.rooms.board import WALL
from marl_ppo.envs.world import Array

LANES = 16
"""cells of a vector; a row has no more"""

_INT, _LANE = ir.IntType(64), ir.IntType(32)
_CODES, _FLOATS = (ir.VectorType(kind, LANES) for kind in (ir.IntType(8), ir.FloatType()))


def look_along(
    cells: Array, n: int, first: int, turn: int, width: int, own: int, obs: Array, a: int, walls: int, shut: int
) -> None:
    """Look at `width` cells: [n, first], [n, first + turn] and so on, where `turn` is 1 or -1. Written are which are wall, from
    obs [n, a, walls] on, and which others stop who may pass a door of code `own`, from obs [n, a, shut] on; none of these if
    `shut` is negative."""
    for v in range(width):
        code = cells[n, first + turn * v]
        obs[n, a, walls + v] = code == WALL
        if shut >= 0:
            obs[n, a, shut + v] = code > WALL and code != own


@overload(look_along, inline="always", strict=False)
def _compiled(cells, n, first, turn, width, own, obs, a, walls, shut):  # type: ignore[no-untyped-def]
    if cells.layout != "C" or obs.layout != "C":
        return look_along

    def look(cells, n, first, turn, width, own, obs, a, walls, shut):  # type: ignore[no-untyped-def]
        if turn > 0:
            _look_right(cells, n, first, width, own, obs, a, walls, shut)
        else:
            _look_left(cells, n, first, width, own, obs, a, walls, shut)

    return look


def _look(turn: int) -> Any:
    """The same for one `turn`."""
    order = ir.Constant(ir.VectorType(_LANE, LANES), list(range(LANES))[::turn])

    @intrinsic
    def look(context, cells, n, first, width, own, obs, a, walls, shut):  # type: ignore[no-untyped-def]
        def codegen(context, build, signature, args):  # type: ignore[no-untyped-def]
            _, n, first, width, own, _, a, walls, shut = args

            def pointer(place: int, *indices: ir.Value) -> ir.Value:
                array = context.make_array(signature.args[place])(context, build, args[place])
                return cgutils.get_item_pointer(context, build, signature.args[place], array, indices)

            def repeated(value: ir.Value) -> ir.Value:
                undefined = ir.Constant(_CODES, ir.Undefined)
                lone = build.insert_element(undefined, build.trunc(value, ir.IntType(8)), _LANE(0))
                return build.shuffle_vector(lone, undefined, ir.Constant(ir.VectorType(_LANE, LANES), [0] * LANES))

            def masked(kind: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
                signature = ir.FunctionType(result, [argument.type for argument in arguments])
                return build.call(cgutils.get_or_insert_function(build.module, signature, f"llvm.masked.{kind}"), arguments)

            def store(found: ir.Value, where: ir.Value) -> None:
                to = build.bitcast(pointer(5, n, a, where), _FLOATS.as_pointer())
                masked(f"store.v{LANES}f32.p0", ir.VoidType(), build.uitofp(found, _FLOATS), to, _LANE(4), within)

            within = build.icmp_unsigned("<", ir.Constant(_CODES, list(range(LANES))), repeated(width))
            leftmost = first if turn > 0 else build.sub(first, _INT(LANES - 1))
            codes = masked(
                f"load.v{LANES}i8.p0",
                _CODES,
                build.bitcast(pointer(0, n, leftmost), _CODES.as_pointer()),
                _LANE(1),
                build.shuffle_vector(within, within, order),
                ir.Constant(_CODES, [0] * LANES),
            )
            codes = build.shuffle_vector(codes, codes, order)
            wall = ir.Constant(_CODES, [WALL] * LANES)
            store(build.icmp_unsigned("==", codes, wall), walls)
            with build.if_then(build.icmp_signed(">=", shut, _INT(0))):
                stops = build.icmp_unsigned(">", codes, wall)
                store(build.and_(stops, build.icmp_unsigned("!=", codes, repeated(own))), shut)
            return context.get_dummy_value()

        int64 = types.int64
        return types.void(cells, *[int64] * 4, obs, *[int64] * 3), codegen

    return look


_look_right, _look_left = _look(1), _look(-1)
