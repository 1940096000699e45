"""exp, log and tanh in float32, of + - * / and bit operations alone, so that a loop over an array becomes vectors.

The C library's functions take one number at a time, and cost more than the matrix products around them. Series have
the coefficients anyone can write down. Errors measured: exp and log 3e-7 of the result, tanh 2e-7 absolute.
NaN stays NaN, so that a broken network shows.
"""

import math

import numpy as np
from numba import njit

_ONE, _TWO = np.float32(1), np.float32(2)
_PER_LN2 = np.float32(1 / math.log(2))
_LN2 = np.float32(math.log(2))
_LN2_HIGH = np.float32(355 / 512)  # few bits: times any power of two's number it is exact
_LN2_LOW = np.float32(math.log(2) - 355 / 512)
_LARGEST = np.float32(88)  # e^88 is just finite; e^-88 has the bits of zero
_ROUNDER = np.float32(1.5 * 2**23)  # a sum with it has no room for fractions: it is rounded, n in its lowest bits
_EXPONENT_BIAS, _EXPONENT_BIT = np.int32(127), np.int32(23)
_FRACTION_BITS, _SQRT_HALF_BITS = np.int32(0x007F_FFFF), np.int32(0x3F35_04F3)

# e^r = sum of r^n / n!; for |r| <= ln(2) / 2 the next term is under 2e-7
_E2, _E3, _E4, _E5, _E6 = (np.float32(1 / math.factorial(n)) for n in range(2, 7))
# ln((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...); for |s| <= 0.172 the next term is under 1e-9
_L3, _L5, _L7, _L9 = (np.float32(2 / n) for n in (3, 5, 7, 9))


@njit(cache=True, nogil=True, inline="always")
def exp(x: np.float32) -> np.float32:
    """e ** x, by 2 ** n * e ** r with |r| <= ln(2) / 2; 0 below -88, and no more than e ** 88."""
    x = -_LARGEST if x < -_LARGEST else x
    x = _LARGEST if x > _LARGEST else x
    rounded = np.float32(x * _PER_LN2 + _ROUNDER)
    n = rounded - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    power = _ONE + r * (_ONE + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * _E6)))))
    # The shift leaves of the rounder's bits only those of n, and moves them to where a float has its exponent.
    return power * np.int32((rounded.view(np.int32) + _EXPONENT_BIAS) << _EXPONENT_BIT).view(np.float32)


@njit(cache=True, nogil=True, inline="always")
def log(x: np.float32) -> np.float32:
    """Natural logarithm of a normal positive number."""
    # x = 2^n * m with m in [sqrt(1/2), sqrt(2))
    bits = np.float32(x).view(np.int32) - _SQRT_HALF_BITS
    n = bits >> _EXPONENT_BIT
    m = np.int32((bits & _FRACTION_BITS) + _SQRT_HALF_BITS).view(np.float32)
    s = (m - _ONE) / (m + _ONE)
    square = s * s
    series = s * (_TWO + square * (_L3 + square * (_L5 + square * (_L7 + square * _L9))))
    return np.float32(n) * _LN2 + series


@njit(cache=True, nogil=True, inline="always")
def tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent, by 1 - 2 / (e^2x + 1)."""
    return _ONE - _TWO / (exp(x + x) + _ONE)
