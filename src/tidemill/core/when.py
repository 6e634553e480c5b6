"""On which occasions a run, a task or a step is meant (reference, run configuration 2, and our own keys)."""

import msgspec

from tidemill.core.context import Occasion
from tidemill.core.patterns import Pattern, first_matching, first_other
from tidemill.core.refs import RefType

_MOST_NAMED = 3


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """One of *include* must match and none of *exclude*."""

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an occasion is meant, and which rule decided it by which values."""

    matches: bool
    rule: str
    """Such as `when.branch.include`."""
    values: dict[str, str] = {}
    because: str
    """Part of a sentence for people: "`when.branch` includes `main`, this is `dev`"."""


class When(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on the ref and on the occasion; those that are given must all hold.

    Of *branch*, *tag* and *ref* a later one overrides an earlier one, and one that only excludes never
    holds, as in Agola. *event* and *message*, which Agola does not know, may only exclude: then
    everything else is meant. Without any condition nothing is.
    """

    branch: Conditions | None = None
    tag: Conditions | None = None
    ref: Conditions | None = None
    event: Conditions | None = None
    """Patterns are names of events."""
    message: Conditions | None = None
    """Patterns are searched for in the commit's message."""
    paths: tuple[Pattern, ...] = ()
    """Globs; one of the changed files must match one of them. Holds when these are not known."""
    paths_ignore: tuple[Pattern, ...] = ()
    """Globs; one of the changed files must match none of them. Holds when these are not known."""

    def decide(self, occasion: Occasion) -> Ruling:
        """Whether *occasion* is meant, and why."""
        rulings = [ruling for ruling in self._rulings(occasion) if ruling is not None]
        if not rulings:
            return Ruling(matches=False, rule="when", because="`when` has no condition, which never matches")
        return next((ruling for ruling in rulings if not ruling.matches), None) or _all_of(rulings)

    def _rulings(self, occasion: Occasion) -> tuple[Ruling | None, ...]:
        """What each key says that is given."""
        changed = occasion.changed_files
        return (
            _of_ref(self, occasion),
            None if self.event is None else _of_event(self.event, occasion.event.value),
            None if self.message is None else _of_message(self.message, occasion.message),
            _of_paths(self.paths, changed) if self.paths else None,
            _of_ignored_paths(self.paths_ignore, changed) if self.paths_ignore else None,
        )


def _all_of(rulings: list[Ruling]) -> Ruling:
    """One ruling from those of several keys, which all hold."""
    if len(rulings) == 1:
        return rulings[0]
    values = {name: value for ruling in rulings for name, value in ruling.values.items()}
    patterns = [ruling.values["pattern"] for ruling in rulings if "pattern" in ruling.values]
    return Ruling(
        matches=True,
        rule=" and ".join(ruling.rule for ruling in rulings),
        values=values | ({"pattern": ", ".join(patterns)} if patterns else {}),
        because=" and ".join(ruling.because for ruling in rulings),
    )


def _of_ref(when: When, occasion: Occasion) -> Ruling | None:
    """The rule of the reference (2.2) over `branch`, `tag` and `ref`; None without any of them."""
    ref = occasion.ref
    found = missed = None
    for key, conditions, name in (
        ("branch", when.branch, ref.name if ref.type is RefType.BRANCH else ""),
        ("tag", when.tag, ref.name if ref.type is RefType.TAG else ""),
        ("ref", when.ref, ref.full),
    ):
        if conditions is None or not name:
            continue
        if included := _first(conditions.include, name):
            found = _hit(key, name, included, is_included=True)
        if excluded := _first(conditions.exclude, name):
            found = _hit(key, name, excluded, is_included=False)
        missed = missed or _miss(key, name, conditions)
    if when.branch is when.tag is when.ref is None:
        return None
    kind = ref.type.value.replace("_", " ")
    return (
        found
        or missed
        or Ruling(
            matches=False,
            rule="when",
            values={"ref_type": ref.type.value, "ref": ref.full},
            because=f"`when` has no condition for a {kind}, this is the {kind} `{ref.name}`",
        )
    )


def _of_event(conditions: Conditions, event: str) -> Ruling:
    return _of_ours("event", conditions, event, [p for p in _all(conditions) if p.matches(event)])


def _of_message(conditions: Conditions, message: str) -> Ruling:
    subject = message.partition("\n")[0]
    return _of_ours("message", conditions, subject, [p for p in _all(conditions) if p.is_found_in(message)])


def _of_ours(key: str, conditions: Conditions, value: str, matching: list[Pattern]) -> Ruling:
    """Of a key that Agola does not know: with nothing to include, all but the excluded is meant."""
    if excluded := next((pattern for pattern in conditions.exclude if pattern in matching), None):
        return _hit(key, value, excluded, is_included=False)
    if included := next((pattern for pattern in conditions.include if pattern in matching), None):
        return _hit(key, value, included, is_included=True)
    if conditions.include or not conditions.exclude:
        return _miss(key, value, conditions)
    because = f"`when.{key}` excludes only {_named(conditions.exclude)}, this is `{value}`"
    values = {key: value, "pattern": _list(conditions.exclude)}
    return Ruling(matches=True, rule=f"when.{key}.exclude", values=values, because=because)


def _of_paths(globs: tuple[Pattern, ...], changed: tuple[str, ...] | None) -> Ruling:
    if changed is None:
        return _unknown_files("when.paths", globs)
    path = first_matching(globs, changed)
    says = "no changed file matches" if path is None else f"`{path}` matches"
    return _by_files("when.paths", globs, changed, path, says)


def _of_ignored_paths(globs: tuple[Pattern, ...], changed: tuple[str, ...] | None) -> Ruling:
    if changed is None:
        return _unknown_files("when.paths_ignore", globs)
    path = first_other(globs, changed)
    says = "every changed file matches" if path is None else f"`{path}` does not match"
    return _by_files("when.paths_ignore", globs, changed, path, says)


def _by_files(
    rule: str, globs: tuple[Pattern, ...], changed: tuple[str, ...], path: str | None, says: str
) -> Ruling:
    """A rule on changed files holds for the sake of the one at *path*; without one it does not hold."""
    return Ruling(
        matches=path is not None,
        rule=rule,
        values={
            "pattern": _list(globs),
            "changed_files": str(len(changed)),
            **({} if path is None else {"path": path}),
        },
        because=f"`{rule}` is {_named(globs)}, which {says}",
    )


def _unknown_files(rule: str, globs: tuple[Pattern, ...]) -> Ruling:
    because = f"`{rule}` holds, as it is not known which files have changed"
    return Ruling(matches=True, rule=rule, values={"pattern": _list(globs)}, because=because)


def _hit(key: str, name: str, pattern: Pattern, *, is_included: bool) -> Ruling:
    rule, verb = ("include", "includes") if is_included else ("exclude", "excludes")
    this_is = "" if pattern.written == name else f", this is `{name}`"
    return Ruling(
        matches=is_included,
        rule=f"when.{key}.{rule}",
        values={key: name, "pattern": pattern.written},
        because=f"`when.{key}` {verb} `{pattern.written}`{this_is}",
    )


def _miss(key: str, name: str, conditions: Conditions) -> Ruling:
    includes = _named(conditions.include) or "nothing"
    return Ruling(
        matches=False,
        rule=f"when.{key}.include",
        values={key: name, "pattern": _list(conditions.include)},
        because=f"`when.{key}` includes {includes}, this is `{name}`",
    )


def _first(patterns: tuple[Pattern, ...], name: str) -> Pattern | None:
    return next((pattern for pattern in patterns if pattern.matches(name)), None)


def _all(conditions: Conditions) -> tuple[Pattern, ...]:
    return conditions.include + conditions.exclude


def _list(patterns: tuple[Pattern, ...]) -> str:
    return ", ".join(pattern.written for pattern in patterns)


def _named(patterns: tuple[Pattern, ...]) -> str:
    """The first of *patterns*, for a sentence."""
    named = ", ".join(f"`{pattern.written}`" for pattern in patterns[:_MOST_NAMED])
    rest = len(patterns) - _MOST_NAMED
    return f"{named} and {rest} more" if rest > 0 else named
