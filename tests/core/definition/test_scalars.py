"""Numbers with units and numbers as text, against what Go and Kubernetes say."""

import math

import pytest

from tidemill.core.definition.scalars import as_text, duration, quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h30m", 5400 * 10**9),
        ("15s", 15 * 10**9),
        ("100ms", 10**8),
        ("1us", 1000),
        ("1µs", 1000),
        ("7ns", 7),
        ("1.5h", 5400 * 10**9),
        (".5s", 5 * 10**8),
        ("-5s", -5 * 10**9),
        ("+5s", 5 * 10**9),
        ("0", 0),
        ("2562047h47m16s", 9223372036 * 10**9),
        *[
            (text, None)
            for text in ("", "s", "1", "10m30", "1 s", "1d", "9999999999h", "1h" * 40, "٣s", "1..5s")
        ],
    ],
)
def test_durations_of_go(text: str, expected: int | None) -> None:
    """Units from nanoseconds to hours, as many as one likes; no more than 63 bits."""
    assert duration(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Gi", 2**30),
        ("512Mi", 512 * 2**20),
        ("1Ki", 1024),
        ("100M", 10**8),
        ("1k", 1000),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("0.5Ki", 512),
        ("5m", 1),
        ("1", 1),
        *[(text, None) for text in ("", "Gi", "1KiB", "1 Gi", "1e999", "8Ei", "x", "1ki")],
    ],
)
def test_quantities_of_kubernetes(text: str, expected: int | None) -> None:
    """Binary and decimal suffixes and exponents, rounded up to whole bytes."""
    assert quantity(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (2**64 - 1, "18446744073709551615"),
        (1.1, "1.1"),
        (2.0, "2"),
        (0.0, "0"),
        (-1.5, "-1.5"),
        (100000.0, "100000"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (3.14159265358979, "3.1415927"),
        (1e300, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_as_text(value: float, expected: str) -> None:
    """As Go writes a number of single precision at its shortest."""
    assert as_text(value) == expected
