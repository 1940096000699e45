"""exp, log1p, sin and cos whose bits are the same on every machine, so that an episode is too.

The C library's versions differ between platforms and versions in their last bits. These are built from + - * / and bit
operations alone, which IEEE 754 fixes to the bit, in series whose coefficients anyone can write down: 1/n! for exp, sin
and cos, 1/(2n+1) for the logarithm. Compiled and uncompiled (NUMBA_DISABLE_JIT=1) they give the same bits. The errors
measured against exact arithmetic stay below 1 unit in the last place; `tests/envs/test_exact_math.py` holds them to it.

reduction   x = k * period + remainder, with the period split into parts so that k * part is exact
unit        1 ulp, a unit in the last place of a float64
"""

import numpy as np
from numba import njit

LARGEST_ANGLE_RAD = 2.0**20
"""sin and cos give nan beyond: so many turns leave too few digits of the angle"""

_LARGEST_EXPONENT = 709.782712893384  # of exp: beyond, the result is over the largest float64
_SMALLEST_EXPONENT = -745.1332191019412  # beyond, the result is under half the smallest float64

_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 32 bits: times any k of exp it is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN2 = 1.0 / float.fromhex("0x1.62e42fefa39efp-1")

# pi/2 in three parts of 33, 33 and 53 bits
_QUARTER_TURN_1 = float.fromhex("0x1.921fb544p+0")
_QUARTER_TURN_2 = float.fromhex("0x1.0b4611a6p-34")
_QUARTER_TURN_3 = float.fromhex("0x1.3198a2e037073p-69")
_PER_QUARTER_TURN = float.fromhex("0x1.45f306dc9c883p-1")

_SQRT2 = float.fromhex("0x1.6a09e667f3bcdp+0")
_FRACTION_BITS = np.int64(0x000F_FFFF_FFFF_FFFF)
_ONE_BITS = np.int64(0x3FF0_0000_0000_0000)


@njit(cache=True, nogil=True)
def exp(x: float) -> float:
    """e ** x by 2 ** k * e ** r with |r| <= ln(2) / 2; inf and 0 beyond float64's range."""
    if x != x:
        return x
    if x > _LARGEST_EXPONENT:
        return np.inf
    if x < _SMALLEST_EXPONENT:
        return 0.0
    k = _nearest(x * _PER_LN2)
    high = x - k * _LN2_HIGH
    low = -k * _LN2_LOW
    r = high + low
    # e^r = 1 + r + r^2/2! + ... + r^13/13!; the next term is under 2^-57
    tail = 1.0 / 6227020800
    tail = tail * r + 1.0 / 479001600
    tail = tail * r + 1.0 / 39916800
    tail = tail * r + 1.0 / 3628800
    tail = tail * r + 1.0 / 362880
    tail = tail * r + 1.0 / 40320
    tail = tail * r + 1.0 / 5040
    tail = tail * r + 1.0 / 720
    tail = tail * r + 1.0 / 120
    tail = tail * r + 1.0 / 24
    tail = tail * r + 1.0 / 6
    tail = tail * r + 0.5
    power = 1.0 + (high + (low + r * r * tail))
    # In two halves: the first is exact, so a result under the normal range is rounded once.
    half = k >> 1
    return power * _power_of_two(half) * _power_of_two(k - half)


@njit(cache=True, nogil=True)
def log1p(x: float) -> float:
    """ln(1 + x) by k * ln(2) + ln(1 + f) with 1 + f between sqrt(1/2) and sqrt(2); -inf at -1, nan below."""
    if x != x or x == np.inf:
        return x
    if x <= -1.0:
        return -np.inf if x == -1.0 else np.nan
    k = np.int64(0)
    f = x
    lost = 0.0
    if not 1.0 / _SQRT2 - 1.0 < x < _SQRT2 - 1.0:
        total = 1.0 + x
        # what rounding took from 1 + x, relative to it
        lost = ((x - (total - 1.0)) if x < 1.0 else (1.0 - (total - x))) / total
        bits = np.float64(total).view(np.int64)
        k = (bits >> 52) - 1023
        f = np.int64((bits & _FRACTION_BITS) | _ONE_BITS).view(np.float64)
        if f > _SQRT2:
            k += 1
            f = f * 0.5
        f = f - 1.0
    # With s = f / (2 + f), ln(1 + f) = 2 atanh(s) = 2s + s * series, and 2s = f - f^2/2 + s * f^2/2 hides s's rounding.
    s = f / (2.0 + f)
    z = s * s
    series = 2.0 / 23
    series = series * z + 2.0 / 21
    series = series * z + 2.0 / 19
    series = series * z + 2.0 / 17
    series = series * z + 2.0 / 15
    series = series * z + 2.0 / 13
    series = series * z + 2.0 / 11
    series = series * z + 2.0 / 9
    series = series * z + 2.0 / 7
    series = series * z + 2.0 / 5
    series = series * z + 2.0 / 3
    half_square = 0.5 * f * f
    small = s * (half_square + series * z) + (k * _LN2_LOW + lost)
    return k * _LN2_HIGH + (f - (half_square - small))


@njit(cache=True, nogil=True)
def sin(x: float) -> float:
    """The sine of an angle in radians; nan beyond LARGEST_ANGLE_RAD."""
    quarter, angle, rest = _reduce_angle(x)
    value = _cos_near_zero(angle, rest) if quarter & 1 else _sin_near_zero(angle, rest)
    return -value if quarter & 2 else value


@njit(cache=True, nogil=True)
def cos(x: float) -> float:
    """The cosine of an angle in radians; nan beyond LARGEST_ANGLE_RAD."""
    quarter, angle, rest = _reduce_angle(x)
    value = _sin_near_zero(angle, rest) if quarter & 1 else _cos_near_zero(angle, rest)
    return -value if (quarter + 1) & 2 else value


@njit(cache=True, nogil=True, inline="always")
def _nearest(x: float) -> np.int64:
    return np.int64(x + (0.5 if x >= 0.0 else -0.5))


@njit(cache=True, nogil=True, inline="always")
def _power_of_two(k: np.int64) -> float:
    """2 ** k for -1022 <= k <= 1023, by writing the exponent."""
    return np.int64((k + 1023) << 52).view(np.float64)


@njit(cache=True, nogil=True)
def _reduce_angle(x: float) -> tuple[np.int64, float, float]:
    """(q, angle, rest) with x = q * pi/2 + angle + rest, |angle| <= pi/4 and rest what angle's rounding lost."""
    if not -LARGEST_ANGLE_RAD <= x <= LARGEST_ANGLE_RAD:
        return np.int64(0), np.nan, 0.0
    q = _nearest(x * _PER_QUARTER_TURN)
    near = x - q * _QUARTER_TURN_1
    second = q * _QUARTER_TURN_2
    middle = near - second
    lost = (near - middle) - second
    third = q * _QUARTER_TURN_3 - lost
    angle = middle - third
    return q, angle, (middle - angle) - third


@njit(cache=True, nogil=True, inline="always")
def _sin_near_zero(angle: float, rest: float) -> float:
    """sin(angle + rest) for |angle| <= pi/4: angle - angle^3/3! + ... + angle^17/17!, rest to first order."""
    z = angle * angle
    tail = 1.0 / 355687428096000
    tail = tail * z - 1.0 / 1307674368000
    tail = tail * z + 1.0 / 6227020800
    tail = tail * z - 1.0 / 39916800
    tail = tail * z + 1.0 / 362880
    tail = tail * z - 1.0 / 5040
    tail = tail * z + 1.0 / 120
    tail = tail * z - 1.0 / 6
    return angle + (angle * z * tail + rest * (1.0 - 0.5 * z))


@njit(cache=True, nogil=True, inline="always")
def _cos_near_zero(angle: float, rest: float) -> float:
    """cos(angle + rest) for |angle| <= pi/4: 1 - angle^2/2! + ... + angle^16/16!, rest to first order."""
    z = angle * angle
    tail = 1.0 / 20922789888000
    tail = tail * z - 1.0 / 87178291200
    tail = tail * z + 1.0 / 479001600
    tail = tail * z - 1.0 / 3628800
    tail = tail * z + 1.0 / 40320
    tail = tail * z - 1.0 / 720
    tail = tail * z + 1.0 / 24
    half = 0.5 * z
    first = 1.0 - half
    return first + (((1.0 - first) - half) + (z * z * tail - angle * rest))
