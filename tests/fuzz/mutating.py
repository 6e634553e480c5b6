"""Changes to the bytes of a configuration, small and large, as accidents and malice make them."""

import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""Makes other bytes of some; the last are those of other configurations, to take from."""

_WORDS = re.compile(rb"\w+")
_MOST_CHANGES = 6
_NOISE = (
    *(b"\x00", b"\t", b"\r", b"\n", b"\x1b[31m", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *("\u2028".encode(), "é".encode(), "😀".encode(), b"'", b'"', b"\\", b"`", b"#", b"//", b"/*", b"|||"),
)
TOKENS = {
    "yml": (
        *(
            b"&a ",
            b"*a",
            b"<<: *a",
            b"!!binary ",
            b"!!float x",
            b"!!int ",
            b"!x ",
            b"? ",
            b"- ",
            b": ",
            b"|\n",
            b">-\n",
        ),
        *(
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b"---\n",
            b"...\n",
            b"%YAML 1.1\n",
            b"~",
            b"null",
            b"true",
            b"yes",
            b"on",
            b"{}",
        ),
        *(
            b"1e400",
            b".nan",
            b"-.inf",
            b"0x1f",
            b"0777",
            b"9" * 30,
            b"1_000",
            b"3.10",
            b"-1",
            b"0",
            b"7d",
            b"1h",
            b"10",
        ),
        *(
            b"${matrix.python}",
            b"${matrix.",
            b"${branch}",
            b"/(/",
            b"/a{1000}/",
            b"#.*#",
            b"**",
            b"[a-",
            b"{a,b",
            b"./x",
        ),
        *(
            b"matrix: {axes: {a: [1, 2], b: [x, y]}}",
            b"include: [ci/checks.yml]",
            b"retry: 3",
            b"when: {paths: '**'}",
        ),
        *(
            b"from_input: target",
            b"from_variable: x",
            b"always: true",
            b"timeout: 1s",
            b"depends: [test]",
            b"runs: ",
        ),
    ),
    "jsonnet": (
        *(
            b"local a = ",
            b";",
            b"self.",
            b"super.",
            b"$",
            b"function(x) x",
            b"error 'no'",
            b"assert false;",
            b"null",
            b"{",
        ),
        *(
            b"}",
            b"[",
            b"]",
            b"(",
            b")",
            b"+:",
            b"::",
            b":::",
            b"import 'lib/tasks.libsonnet'",
            b"importstr '../x'",
            b"%",
        ),
        *(
            b"std.range(1, 100)",
            b"std.repeat('x', 10)",
            b"std.native('changed_files')()",
            b"ctx.branch",
            b"ctx.inputs",
        ),
        *(
            b"[x for x in [1, 2]]",
            b"if true then",
            b"else",
            b"1e308",
            b"0/0",
            b"std.extVar('x')",
            b"|||\n  x\n|||",
        ),
    ),
    "star": (
        *(
            b"def f(x):\n  return x\n",
            b"load('lib/tasks.star', 'x')\n",
            b"load('//x.star', 'x')\n",
            b"lambda x: x",
            b"fail('x')",
        ),
        *(
            b"[x for x in range(10)]",
            b"ctx['branch']",
            b"ctx",
            b"{1: 2}",
            b"{'a': main}",
            b"1 << 80",
            b"1 // 0",
            b"()",
        ),
        *(
            b"    ",
            b"\t",
            b":",
            b"return",
            b"pass\n",
            b"if True:\n",
            b"for i in []:\n",
            b"(",
            b")",
            b"*args",
            b"**k",
            b"'%s' % 1",
        ),
    ),
}
TOKENS["yaml"] = TOKENS["json"] = TOKENS["libsonnet"] = TOKENS["yml"]


def mutated(random: Random, raw: bytes, others: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """*raw* after a few changes, mostly few."""
    for _ in range(min(1 + int(random.expovariate(1.2)), _MOST_CHANGES)):
        if random.random() < 0.2:
            raw = _insert(random, raw, random.choice(tokens))
        else:
            raw = random.choice(MUTATIONS)(random, raw, others)
    return raw


def _span(random: Random, raw: bytes) -> tuple[int, int]:
    """A piece of *raw*, mostly a short one."""
    begin = random.randint(0, len(raw))
    return begin, min(len(raw), begin + int(random.expovariate(1 / 12)) + 1)


def _insert(random: Random, raw: bytes, piece: bytes) -> bytes:
    at = random.randint(0, len(raw))
    return raw[:at] + piece + raw[at:]


def _flip(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    if not raw:
        return b"\x80"
    at = random.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << random.randrange(8))]) + raw[at + 1 :]


def _delete(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    begin, end = _span(random, raw)
    return raw[:begin] + raw[end:]


def _repeat(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    begin, end = _span(random, raw)
    times = random.choice((1, 2, 3, 10, 100, 1000))
    return raw[:end] + raw[begin:end] * times + raw[end:]


def _truncate(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    return raw[: random.randint(0, len(raw))]


def _noise(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    return _insert(random, raw, random.choice(_NOISE))


def _splice(random: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    begin = random.randint(0, len(other))
    at = random.randint(0, len(raw))
    return raw[:at] + other[begin : begin + random.randint(1, 200)] + raw[at:]


def _swap_words(random: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A word becomes one of this configuration, or of another."""
    words = list(_WORDS.finditer(raw))
    pool = _WORDS.findall(random.choice((raw, random.choice(others)))) or [b"x"]
    if not words:
        return raw
    word = random.choice(words)
    return raw[: word.start()] + random.choice(pool) + raw[word.end() :]


def _misspell(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    words = [word for word in _WORDS.finditer(raw) if len(word[0]) > 2]
    if not words:
        return raw
    at = random.choice(words).start() + 1
    return raw[:at] + raw[at + 1 : at + 2] + raw[at : at + 1] + raw[at + 2 :]


def _lines(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    """A line is doubled, left out, moved or indented otherwise."""
    lines = raw.split(b"\n")
    at = random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            lines.insert(at, lines[at])
        case 1:
            del lines[at]
        case 2:
            lines.insert(random.randint(0, len(lines)), lines.pop(at))
        case _:
            lines[at] = b" " * random.randint(0, 12) + lines[at].lstrip()
    return b"\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _delete, _repeat, _truncate, _noise, _splice),
    *(_swap_words, _swap_words, _swap_words, _misspell, _lines, _lines),
)


def hostile(random: Random) -> tuple[str, bytes]:
    """Something that is made to hurt whoever reads it, with the ending of its file's name."""
    many = random.choice((1_000, 20_000, 100_000))
    size = random.choice((900_000, 1024 * 1024, 1024 * 1024 + 1, 3_000_000))
    bomb = b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
    )
    return random.choice(
        (
            ("yml", b"runs: " + b"[" * many),
            ("yml", b"{a: " * many + b"}" * many),
            ("yml", b"- " * many),
            ("yml", bomb),
            ("yml", b"runs: [{name: '" + b"n" * size + b"'}]"),
            ("yml", b"runs: [" + b"{name: r}," * (many // 10) + b"]"),
            ("yml", b"runs: [{name: r, tasks: [{name: t, matrix: {axes: {%s}}}]}]" % _axes(random)),
            ("yml", b"runs: [{name: r, when: {branch: '/%s/'}}]" % (b"(a*)*" * (many // 1000))),
            ("json", b'{"runs":' + b'{"a":' * many + b"1" + b"}" * many + b"}"),
            ("jsonnet", b"[" * many),
            ("jsonnet", b"local f(n) = f(n + 1); f(0)"),
            ("jsonnet", b"{runs: std.repeat('x', 50000000)}"),
            ("jsonnet", b"local a = [1]; std.foldl(function(x, y) x + x, std.range(1, 40), a)"),
            ("star", b"def f(x):\n  return f(x)\ndef main(ctx):\n  return f(1)\n"),
            ("star", b"def main(ctx):\n  return {'runs': 'x' * 3000000000}\n"),
            (
                "star",
                b"def main(ctx):\n  return {'runs': " + b"[" * (many // 10) + b"]" * (many // 10) + b"}\n",
            ),
        )
    )


def _axes(random: Random) -> bytes:
    return b", ".join(b"a%d: [1, 2, 3, 4]" % n for n in range(random.randint(1, 20)))
