"""Key templates: what they become, and what is said of those that are not understood."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.places import Place
from tidemill.kit.toolbox.templates import render

HERE = Place("/nonexistent")
NOW = 1_785_412_800.25


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "go.sum").write_text("one\n")
    return tmp_path


MD5 = hashlib.md5(b"one\n").hexdigest()
SHA256 = hashlib.sha256(b"one\n").hexdigest()
DAY = time.localtime(NOW)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain-v1", "plain-v1"),
        ('go-{{ md5sum "go.sum" }}', f"go-{MD5}"),
        ('{{sha256sum "go.sum"}}', SHA256),
        ("{{ sha256sum `go.sum` }}", SHA256),
        ('{{ env "A" }}/{{ env "NONE" }}!', "b/!"),
        ("{{ os }}", "linux"),
        ("{{ unixtime }}", str(int(NOW * 1e9))),
        ("{{ year }}-{{ month }}-{{ day }}", time.strftime("%Y-%m-%d", DAY)),
        ("{{ .Environment.A }}", "<no value>"),
        ('{{ "go.sum" | md5sum }}', MD5),
        ('{{ md5sum (printf "go.%s" "sum") }}', MD5),
        ('{{ printf "%s-%05d-%q-%%" "a" 7 "b" }}', 'a-00007-"b"-%'),
        ('{{ printf "%v" (env "A") | printf "%s%s" "x" }}', "xb"),
        ('{{ "A" | env | printf "%x" }}', "62"),
        ("a {{- /* a comment */ -}} b", "ab"),
        ('{{ "}}" }}', "}}"),
        (r'{{ "a\"\t\x41é" }}', 'a"\tAé'),
        ("{{ 42 }}", "42"),
        ("}}", "}}"),
    ],
)
def test_a_template_becomes_a_text(template: str, text: str) -> None:
    """As with Go's templates."""
    assert render(template, {"A": "b"}, HERE, NOW) == text


def test_arch_is_named_as_go_does() -> None:
    """The reference's keys go on to fit."""
    expected = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    assert expected is None or render("{{ arch }}", {}, HERE) == expected


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ if true }}x{{ end }}", "no function 'if'; supported are md5sum"),
        ('{{ sha1sum "x" }}', "no function 'sha1sum'"),
        ("{{ .Foo }}", 'no `.Foo`, use `env "NAME"`'),
        ("{{ md5sum }}", '`md5sum` takes one text: {{ md5sum "…" }}'),
        ("{{ md5sum 5 }}", "`md5sum` takes one text"),
        ('{{ md5sum "a" "b" }}', "`md5sum` takes one text"),
        ("{{ md5sum .Environment.X }}", "`md5sum` takes one text"),
        ('{{ md5sum "" }}', "`md5sum` needs the name of a file"),
        ('{{ md5sum "none" }}', "cannot read none: No such file or directory"),
        ('{{ md5sum "." }}', "cannot read .: Is a directory"),
        ('{{ os "x" }}', "`os` takes no argument"),
        ('{{ "x" "y" }}', "'x' is no function"),
        ("{{ os }", "a `{{` has no `}}` behind it"),
        ("{{ }}", "empty `{{ }}`"),
        ("{{ os | }}", "empty"),
        ("{{ (os }}", "a `(` has no `)`"),
        ("{{ os) }}", "no `(` for a `)`"),
        ("{{ $x := 1 }}", "cannot be read"),
        ("{{ 1.5 }}", "cannot be read"),
        (f"{{{{ {'1' * 5000} }}}}", "cannot be read"),
        ("{{ " + "(" * 1000 + " }}", "more than 50 parentheses"),
        ("{{" * 100_000, "a `{{` has no `}}` behind it"),
        ('{{ printf "%s" }}', "fewer values"),
        ('{{ printf "x" "y" }}', "more values"),
        ('{{ printf "%d" "y" }}', "`%d` does not"),
        ("{{ printf }}", "`printf` begins with a text"),
    ],
)
def test_what_is_not_understood_is_said(template: str, says: str) -> None:
    """With what would be, where that helps."""
    with pytest.raises(ToolFailure) as failure:
        render(template, {}, HERE)
    assert says in str(failure.value)
    assert str(failure.value).startswith("the key's template: ")


def test_a_file_may_be_a_mebibyte_large(in_a_directory: Path) -> None:
    """One byte more is too much."""
    (in_a_directory / "fits").write_bytes(b"x" * (1 << 20))
    (in_a_directory / "large").write_bytes(b"x" * ((1 << 20) + 1))
    assert len(render('{{ md5sum "fits" }}', {}, HERE)) == 32
    with pytest.raises(ToolFailure, match="large is larger than 1048576 bytes"):
        render('{{ md5sum "large" }}', {}, HERE)


def test_a_key_has_a_limit() -> None:
    """A variable can be long."""
    with pytest.raises(ToolFailure, match="becomes more than"):
        render('{{ env "A" }}', {"A": "x" * ((1 << 20) + 1)}, HERE)
