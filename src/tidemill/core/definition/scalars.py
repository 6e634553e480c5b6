"""Numbers with units, as Go and Kubernetes write them, and numbers as text."""

import math
import re
import struct
from fractions import Fraction

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = re.compile(r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_QUANTITY = re.compile(
    r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([-+]?[0-9]{1,2}))?", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
#: Nanoseconds of a second.
NANOSECONDS = 1_000_000_000
_MOST = 2**63 - 1
_LONGEST_WHOLE = 2**64
_LONGEST = 64
_LARGEST_SINGLE = 3.4028234663852886e38
_FIRST_FIXED, _LAST_FIXED = -4, 5


def duration(text: str) -> int | None:
    """Nanoseconds of a Go duration such as `1h30m`; None when it is not one."""
    if text in ("0", "+0", "-0"):
        return 0
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        return None
    amount = int(sum(Fraction(number) * _NANOSECONDS[unit] for number, unit in _PART.findall(text)))
    return (-amount if text[0] == "-" else amount) if amount <= _MOST else None


def quantity(text: str, scale: int = 1) -> int | None:
    """Bytes of a Kubernetes quantity such as `512Mi`, rounded up; None when it is not one.

    With *scale* it is counted in parts of which so many make one: `500m` in thousandths is 500.
    """
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    if suffix in _BINARY:
        factor = Fraction(2 ** _BINARY[suffix])
    else:
        factor = Fraction(10) ** (int(exponent) if exponent else _DECIMAL[suffix or ""])
    amount = Fraction(number) * factor * scale
    rounded = -(-amount.numerator // amount.denominator)
    return rounded if abs(rounded) <= _MOST else None


def as_text(value: float | bool) -> str:
    """A number or boolean where text is wanted, as Agola's parser writes it: `1.10` is `1.1`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < _LONGEST_WHOLE:
        return str(value)
    try:
        return _float_text(float(value))
    except OverflowError:
        return f"{'+' if value > 0 else '-'}Inf"


def exact_text(value: float) -> str:
    """A number as Python writes it, digits and all."""
    return str(value) if abs(value) < _LONGEST_WHOLE else as_text(value)


def _float_text(value: float) -> str:
    """The shortest text that single precision tells apart, with an exponent from a million on."""
    if not math.isfinite(value) or abs(value) > _LARGEST_SINGLE:
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    exact = struct.pack("f", value)
    texts = (f"{struct.unpack('f', exact)[0]:.{digits}e}" for digits in range(9))
    shortest = next(text for text in texts if struct.pack("f", float(text)) == exact)
    mantissa, _, exponent = shortest.partition("e")
    power = int(exponent)
    if not _FIRST_FIXED <= power <= _LAST_FIXED:
        return f"{mantissa}e{power:+03d}"
    decimals = len(mantissa.partition(".")[2]) - power
    return f"{float(shortest):.{max(decimals, 0)}f}"
