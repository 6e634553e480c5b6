"""JSON and times, byte for byte as Go's encoder writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tidemill.kit.go_json import encode, go_time


def test_what_could_be_html_is_escaped_and_nothing_else() -> None:
    """`encoding/json` escapes these in every string, keys too; other characters stand as they are."""
    assert encode({"<&>": "a\u2028b\u2029", "é": "\x7f😀/"}) == (
        b'{"\\u003c\\u0026\\u003e":"a\\u2028b\\u2029","\xc3\xa9":"\x7f\xf0\x9f\x98\x80/"}'
    )


def test_control_characters_are_written_as_go_writes_them() -> None:
    """Short escapes where JSON has them (since Go 1.22), lower case hexadecimal elsewhere."""
    assert encode('\b\f\n\r\t"\\\x00\x1f') == b'"\\b\\f\\n\\r\\t\\"\\\\\\u0000\\u001f"'


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [(0, ""), (1, ".000001"), (100_000, ".1"), (120_300, ".1203"), (999_999, ".999999")],
)
def test_fractions_of_seconds_have_no_trailing_zeros(microseconds: int, written: str) -> None:
    """RFC3339Nano, as `time.Time` marshals itself."""
    moment = datetime(2026, 7, 30, 12, 0, 5, microseconds, tzinfo=UTC)
    assert go_time(moment) == f"2026-07-30T12:00:05{written}Z"


def test_a_time_is_told_in_utc() -> None:
    """`+00:00` would be written as `Z` by who encodes it again, and break a signature."""
    assert (
        go_time(datetime(2026, 7, 30, 14, 0, tzinfo=timezone(timedelta(hours=2)))) == "2026-07-30T12:00:00Z"
    )
    assert go_time(None) is None
