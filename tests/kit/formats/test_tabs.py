"""Tabs of a Starlark program: those of its code become spaces, those of its texts stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kit.formats.document import NotReadable
from tidemill.kit.formats.starlark import read_starlark
from tidemill.kit.formats.tabs import without_tabs


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("def f():\n\treturn 1", "def f():\n        return 1"),
        ("  \tx\n\t y\n\t\tz", "        x\n         y\n                z"),
        ("x =\t1\t# a\tb", "x = 1 # a\tb"),
        ("x = 'a\tb' +\t\"c\t\"", "x = 'a\tb' + \"c\t\""),
        ('x = """a\n\tb"""\n\ty', 'x = """a\n\tb"""\n        y'),
        ("x = '''\n\t''' + r'\\'\t'", "x = '''\n\t''' + r'\\'\t'"),
        ("x = 'it\\'s\t' \t+ ''", "x = 'it\\'s\t'  + ''"),
        ("x = '#\t'\t# '\t", "x = '#\t' # '\t"),
        ("x = 'open\n\ty", "x = 'open\n        y"),
        ('x = """open\n\ty', 'x = """open\n\ty'),
        ("no tabs", "no tabs"),
    ],
)
def test_tabs_of_code_become_spaces(program: str, text: str) -> None:
    """To the next multiple of eight at the beginning of a line, one elsewhere; texts and comments are kept."""
    assert without_tabs(program) == text


@given(st.text(alphabet="\t\n '\"\\#xr()", max_size=60))
def test_nothing_but_tabs_changes(program: str) -> None:
    """Whatever stands there, only tabs become spaces."""
    assert without_tabs(program).replace("\t", "").replace(" ", "") == program.replace("\t", "").replace(
        " ", ""
    )


def test_a_program_indented_by_tabs_is_read() -> None:
    """As Go's evaluator reads it, also mixed with eight spaces."""
    program = b"def main(ctx):\n\tfor x in [1]:\n\t\tpass\n        return {'a':\t'b\tc'}\n"

    def load(path: str) -> bytes:
        raise NotReadable(path)

    assert read_starlark("config.star", program, {}, load).data == {"a": "b\tc"}
