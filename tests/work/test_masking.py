"""No secret gets through, in whatever form and however the stream is cut."""

import base64
import itertools
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.work.disguises import disguises
from tidemill.work.masking import STARS, Mask

TOKEN = "tok/en 'with' \"every\"+thing=1"
KEY = "-----BEGIN KEY-----\nc2VjcmV0IGxpbmUgb25l\nc2VjcmV0IGxpbmUgdHdv\nZW5k\n-----END KEY-----\n"


def masked(secrets: list[str], *chunks: bytes) -> bytes:
    stream = Mask(secrets).stream()
    return b"".join([*(stream.feed(chunk) for chunk in chunks), stream.finish()])


def by_definition(secrets: list[str], data: bytes) -> bytes:
    """Masking as it is meant: leftmost first, the longest form at each place."""
    forms = sorted({form for secret in secrets for form in disguises(secret)}, key=len, reverse=True)
    shown, at = b"", 0
    while at < len(data):
        form = next((form for form in forms if data.startswith(form, at)), None)
        shown += STARS if form else data[at : at + 1]
        at += len(form) if form else 1
    return shown


@pytest.mark.parametrize(
    "form",
    [
        TOKEN.encode(),
        quote(TOKEN).encode(),
        quote(TOKEN, safe="").encode(),
        quote(TOKEN, safe="").lower().encode(),
        json.dumps(TOKEN)[1:-1].encode(),
        TOKEN.encode().hex().encode(),
        TOKEN.encode().hex().upper().encode(),
        TOKEN.replace("'", "'\"'\"'").encode(),
        TOKEN.replace("'", "'\\''").encode(),
        base64.b64encode(TOKEN.encode()),
        base64.b64encode(TOKEN.encode() + b"\n"),
        base64.urlsafe_b64encode(TOKEN.encode()).rstrip(b"="),
    ],
)
def test_a_secret_is_hidden_in_every_disguise(form: bytes) -> None:
    """Plain, quoted, escaped or encoded, only stars are left."""
    assert masked([TOKEN], b"before " + form + b" after") == b"before *** after"


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("after", [b"", b"y", b"yz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_hidden_inside_of_base64(before: bytes, after: bytes, encode) -> None:
    """Wherever it begins: all digits that it alone decides are gone."""
    shown = masked([TOKEN], encode(before + TOKEN.encode() + after))
    assert STARS in shown
    assert len(shown) <= len(STARS) + 12


def test_wrapped_base64_is_hidden() -> None:
    """Tools break what they encode into lines."""
    secret = "a long secret " * 20
    encoded = base64.b64encode(secret.encode())
    for width in (64, 76):
        lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
        shown = masked([secret], b"\n".join(lines))
        assert not any(line in shown for line in lines if len(line) >= 4)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_key_is_hidden_line_by_line(newline: bytes) -> None:
    """As a whole, and each line on its own; a terminal's line ends make no difference."""
    whole = KEY.strip().encode().replace(b"\n", newline)
    assert masked([KEY], whole) == STARS
    for line in KEY.splitlines():
        assert masked([KEY], b"> " + line.encode()) == b"> ***"


def test_the_longer_secret_wins() -> None:
    """A secret that begins another does not leave the rest of the other behind."""
    assert masked(["pass", "password"], b"a password, a pass") == b"a ***, a ***"
    assert masked(["pass", "password"], b"passw", b"ord") == STARS


def test_short_values_are_left_alone() -> None:
    """A secret of three letters would blot out the log."""
    assert masked(["abc", "", "   "], b"abc") == b"abc"


def test_nothing_to_hide_costs_nothing() -> None:
    """Bytes pass through as they are, the same object."""
    data = b"x" * 1000
    assert Mask([]).stream().feed(data) is data


def test_only_what_may_be_a_secret_is_held_back() -> None:
    """A reader is not kept waiting for bytes that cannot be part of one."""
    stream = Mask(["sesame"]).stream()
    assert stream.feed(b"open ses") == b"open "
    assert stream.feed(b"ame street\n") == b"*** street\n"
    assert stream.feed(b"prompt: ") == b"prompt: "


@given(
    secrets=st.lists(st.text("ab\n'", min_size=4, max_size=8), max_size=3),
    data=st.text("ab\n'Y%2", max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_cuts_make_no_difference(secrets: list[str], data: str, cuts: list[int]) -> None:
    """Cut anywhere, the stream comes out as it is meant."""
    raw = data.encode()
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    chunks = [raw[start:end] for start, end in itertools.pairwise(edges)]
    assert masked(secrets, *chunks) == by_definition(secrets, raw)


@given(st.text(min_size=4, max_size=40), st.binary(max_size=20), st.binary(max_size=20), st.integers(0, 200))
def test_any_secret_is_hidden(secret: str, before: bytes, after: bytes, cut: int) -> None:
    """Whatever characters it is made of, and wherever the stream is cut."""
    plain = secret.strip().encode()
    if len(plain) < 4 or plain in before + STARS + after:
        return
    raw = before + plain + after
    assert plain not in masked([secret], raw[:cut], raw[cut:])
