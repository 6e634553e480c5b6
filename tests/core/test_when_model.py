"""Conditions mean what a naive model says: section 2.2 of the reference and the keys beyond it.

The model has its own vocabulary, words of which patterns are made, and compares by Python's own means.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.core.context import Event, Occasion
from tidemill.core.patterns import parse_path_glob, parse_pattern
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.core.when import Conditions, When

PULL_REQUEST = Ref(type=RefType.PULL_REQUEST, name="1", full="refs/pull/1/head")

WORDS = ["main", "dev", "ma", "v1", "refs/heads/main", "refs/tags/v1", "refs/pull/1/head", "x/y"]
PATTERNS = st.sampled_from(
    [*WORDS, *(f"/{word}/" for word in WORDS), "/^m/", "#n$#", "/./", "*", "**", "m*", "refs/*/main", "[dm]*"]
)
LISTS = st.lists(PATTERNS, max_size=3)
WRITTEN = st.one_of(
    st.none(),
    LISTS,
    st.fixed_dictionaries({}, optional={"include": LISTS, "exclude": LISTS}),
)
EVENTS = st.lists(st.sampled_from([event.value for event in Event]), max_size=2)
WRITTEN_EVENTS = st.one_of(
    st.none(), EVENTS, st.fixed_dictionaries({}, optional={"include": EVENTS, "exclude": EVENTS})
)
MESSAGES = st.sampled_from(["", "main", "fix main\nrefs/tags/v1", "[dm]*", "nothing"])
GLOBS = st.lists(st.sampled_from(["a", "*", "**", "src/*", "src/**", "*.md"]), max_size=2)
FILES = st.one_of(
    st.none(), st.lists(st.sampled_from(["a", "b.md", "src/a", "src/b/c.md"]), max_size=3, unique=True)
)
REFS = st.sampled_from([branch("main"), branch("dev"), branch("x/y"), tag("v1"), tag("main"), PULL_REQUEST])


def says(pattern: str, name: str, *, inside: bool = False) -> bool:
    """Whether a written pattern means *name*; *inside* a longer text there are no globs."""
    if len(pattern) > 2 and pattern[0] == pattern[-1] and pattern[0] in "/#":
        return re.search(pattern[1:-1], name) is not None
    if inside:
        return pattern in name
    if any(special in pattern for special in "*?[{"):
        return (
            re.fullmatch(pattern.replace("**", "(?s:.)+").replace("*", "[^/]*").replace("+", "*"), name)
            is not None
        )
    return pattern == name


def sides(written: object) -> tuple[list[str], list[str]]:
    if isinstance(written, dict):
        return written.get("include", []), written.get("exclude", [])
    return list(written), []  # type: ignore[call-overload]


def model(written: dict[str, object], occasion: Occasion) -> bool:
    """The rules, word for word."""
    given = [key for key, value in written.items() if value not in (None, ())]
    if not given:
        return False
    flag = not {"branch", "tag", "ref"}.intersection(given)
    ref = occasion.ref
    names = {"branch": "", "tag": "", "ref": ref.full, ref.type.value: ref.name}
    for key in ("branch", "tag", "ref"):
        if key in given and names[key]:
            include, exclude = sides(written[key])
            if any(says(pattern, names[key]) for pattern in include):
                flag = True
            if any(says(pattern, names[key]) for pattern in exclude):
                flag = False
    for key, text, inside in (("event", occasion.event.value, False), ("message", occasion.message, True)):
        if key in given:
            include, exclude = sides(written[key])
            meant = any(says(p, text, inside=inside) for p in include) or bool(exclude and not include)
            flag = flag and meant and not any(says(p, text, inside=inside) for p in exclude)
    files = occasion.changed_files
    if files is not None and "paths" in given:
        flag = flag and any(says(glob, file) for glob in written["paths"] for file in files)  # type: ignore[attr-defined]
    if files is not None and "paths_ignore" in given:
        ignored = [any(says(glob, file) for glob in written["paths_ignore"]) for file in files]  # type: ignore[attr-defined]
        flag = flag and not all(ignored)
    return flag


def built(written: dict[str, object]) -> When:
    """What the reading of a definition makes of it."""

    def of(key: str, *, globs: bool) -> Conditions | None:
        if written[key] is None:
            return None
        include, exclude = sides(written[key])
        return Conditions(
            include=tuple(parse_pattern(text, globs=globs) for text in include),
            exclude=tuple(parse_pattern(text, globs=globs) for text in exclude),
        )

    return When(
        **{key: of(key, globs=True) for key in ("branch", "tag", "ref")},
        **{key: of(key, globs=False) for key in ("event", "message")},
        paths=tuple(map(parse_path_glob, written["paths"])),  # type: ignore[misc]
        paths_ignore=tuple(map(parse_path_glob, written["paths_ignore"])),  # type: ignore[misc]
    )


@settings(max_examples=1000)
@given(
    written=st.fixed_dictionaries(
        {
            **dict.fromkeys(("branch", "tag", "ref", "message"), WRITTEN),
            "event": WRITTEN_EVENTS,
            **dict.fromkeys(("paths", "paths_ignore"), GLOBS.map(tuple)),
        }
    ),
    ref=REFS,
    event=st.sampled_from(Event),
    message=MESSAGES,
    files=FILES,
)
def test_conditions_mean_what_a_naive_model_says(
    written: dict[str, object], ref: Ref, event: Event, message: str, files: list[str] | None
) -> None:
    """Any conditions on any occasion are decided as by the reference's words and ours, one after the other."""
    occasion = Occasion(
        ref=ref, event=event, message=message, changed_files=None if files is None else tuple(files)
    )
    ruling = built(written).decide(occasion)
    assert ruling.matches is model(written, occasion)
    assert ruling.because
    assert ruling.rule.startswith("when")
