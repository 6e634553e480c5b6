"""Reading YAML: what scalars mean, where values stand, and how hostile or broken texts are refused."""

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kit.formats.document import NotReadable, Place
from tidemill.kit.formats.reading import MAX_BYTES, read_yaml


def data(text: str) -> Any:
    return read_yaml(text.encode()).data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(word, True) for word in ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]],
        *[
            (word, False)
            for word in ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]
        ],
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        ("yEs", "yEs"),
        ("nULL", "nULL"),
        ("'yes'", "yes"),
        ('"1"', "1"),
        ("1", 1),
        ("-12", -12),
        ("+12", 12),
        ("0777", 511),
        ("0o777", 511),
        ("08", 8.0),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0b101", 5),
        ("1_000", 1000),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)),
        ("9" * 5000, "9" * 5000),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1e999", "1e999"),
        ("12:30:45", "12:30:45"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("1.2.3", "1.2.3"),
        ("--", "--"),
        ("+", "+"),
        (".", "."),
        ("٣", "٣"),
        ("0x", "0x"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!bool 'yes'", True),
        ("!!binary aGk=", "hi"),
        ("!mine 12", "12"),
        ("|\n  a\n  b", "a\nb\n"),
        (">-\n  a\n  b", "a b"),
    ],
)
def test_scalars_mean_what_they_mean_in_go(text: str, expected: Any) -> None:
    """YAML 1.1 with the words and numbers of yaml.v2."""
    value = data(f"a: {text}\n")["a"]
    assert value == expected
    assert type(value) is type(expected)


def test_not_a_number_is_one() -> None:
    """The float that equals nothing."""
    assert math.isnan(data("a: .nan")["a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2", {"a": 2}),
        ("1: a\ntrue: b\n1.5: c\nno: d\n1.0: e", {"1": "e", "true": "b", "1.5": "c", "false": "d"}),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("b: &b {x: 1, z: 2}\na: {<<: *b, x: 3}", {"b": {"x": 1, "z": 2}, "a": {"x": 3, "z": 2}}),
        ("b: &b {x: 1}\na: {x: 3, <<: *b}", {"b": {"x": 1}, "a": {"x": 3}}),
        ("a: {<<: [{x: 1}, {x: 2, z: 2}]}", {"a": {"x": 1, "z": 2}}),
        ("a: {<<: []}", {"a": {}}),
        ("a: {'<<': 1}", {"a": {"<<": 1}}),
        ("a: 1\n---\nb: ]", {"a": 1}),
        ("# nothing", None),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ('{"a": [1, "b", null, true], "c": 1.5} # no JSON', {"a": [1, "b", None, True], "c": 1.5}),
    ],
)
def test_collections(text: str, expected: Any) -> None:
    """Keys become text, the last of equal keys wins, anchors and merges work, one document counts."""
    assert data(text) == expected


_TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_json_is_read_as_what_it_is(value: Any) -> None:
    """JSON text gives the same data as a JSON parser does."""
    assert data(json.dumps({"value": value}, ensure_ascii=False)) == {"value": value}


def test_every_value_has_its_place() -> None:
    """Lines and columns count from 1, columns in characters; an absent value is where it would be."""
    document = read_yaml("é: {ü: [1, x]}\nb:\n  - |\n    t\n  -\nc: &a {k: 1}\nd: *a\n".encode())
    assert document.place(["é"]) == Place(1, 4)
    assert document.place(["é", "ü", 1]) == Place(1, 12)
    assert document.place(["é", "ü"], of_key=True) == Place(1, 5)
    assert document.place(["b", 0]) == Place(3, 5)
    assert document.place(["b", 1]) == Place(5, 4)
    assert document.place(["d"]) == Place(7, 4)
    assert document.place(["d", "k"]) == Place(6, 11)
    assert document.place(["b", 7]) == Place(3, 3)
    assert document.place(["nowhere", 1]) == Place(1, 1)
    assert document.place([]) == Place(1, 1)


@pytest.mark.parametrize(
    ("raw", "place", "says"),
    [
        (b"a:\n\t- b", (2, 1), "use spaces"),
        (b"a: b: c", (1, 5), "quotes"),
        (b"a: [1\nb: 2", (2, 2), "begins in line 1"),
        (b"a: 'b", (1, 6), "ends too early"),
        (b"a: [", (1, 5), "ends too early"),
        (b"a: \x01", (1, 4), "U+0001"),
        ("é: ab\x01".encode(), (1, 6), "U+0001"),
        (b"a: 1\nb: \xff", (2, 4), "UTF-8"),
        ("a: 1".encode("utf-16"), (1, 1), "UTF-16"),
        (b"a: *x", (1, 4), "no anchor &x"),
        (b"a: &x [*x]", (1, 8), "contains itself"),
        (b"a: {<<: 1}", (1, 9), "merges a mapping"),
        (b"? [a]\n: b", (1, 3), "must be text"),
        (b"~: b", (1, 1), "null"),
        (b"a: !!int x", (1, 4), "not a number"),
        (b"a: !!binary /w==", (1, 4), "base64"),
        (b"a" * (MAX_BYTES + 1), None, "1048576"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: bytes, place: tuple[int, int] | None, says: str) -> None:
    """One sentence that says what to do, and where."""
    with pytest.raises(NotReadable) as caught:
        read_yaml(raw)
    assert says in caught.value.message
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 60_000, "levels deep"),
        ("{a: " * 60_000, "levels deep"),
        ("- " * 60_000, "levels deep"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
            "aliases unfolded",
        ),
        (
            "a: &a {" + ", ".join(f"k{n}: 1" for n in range(9000)) + "}\nb: [" + "{<<: *a}, " * 9000 + "]",
            "unfolded",
        ),
        ("[" + "1," * 250_000 + "]", "more than 200000 values"),
        ("a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 100 + "]", "characters, aliases unfolded"),
    ],
)
def test_bombs_are_defused(text: str, says: str) -> None:
    """Deep nesting, aliases of aliases, merges of merges and endless lists end in an error, soon."""
    begin = time.monotonic()
    with pytest.raises(NotReadable, match=says):
        read_yaml(text.encode())
    assert time.monotonic() - begin < 20


def test_a_file_of_the_largest_size_is_read() -> None:
    """Exactly one MiB is allowed."""
    assert data("a: " + "x" * (MAX_BYTES - 3)) == {"a": "x" * (MAX_BYTES - 3)}
