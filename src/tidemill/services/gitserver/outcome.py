"""What a pusher reads about the runs of a push, line by line after `remote: `."""

from collections.abc import Iterator

from tidemill.contracts.pushes import PushedRun, PushOutcome

#: A push of many branches makes many runs; the pusher is shown the first ones.
_MOST_RUNS = 20


def outcome_lines(outcome: PushOutcome) -> list[str]:
    """Number, name and URL of each run, why there is none, what is still being worked on."""
    lines = [line for run in outcome.runs[:_MOST_RUNS] for line in _run_lines(run)]
    if len(outcome.runs) > _MOST_RUNS:
        lines.append(f"and {len(outcome.runs) - _MOST_RUNS} more runs")
    lines += [line for note in outcome.notes for line in note.splitlines()]
    if not outcome.is_complete and not outcome.notes:
        lines.append("the push is stored; its runs are still being created")
    return _set_apart(lines)


def postponed_lines(reason: str) -> list[str]:
    """What to say when the gateway did not answer: the push itself is safe."""
    return _set_apart(
        [
            "the push is stored, but its runs could not be created yet:",
            *(f"  {line}" for line in reason.splitlines()),
            "this is tried again until it succeeds; there is no need to push again",
        ]
    )


def _run_lines(run: PushedRun) -> Iterator[str]:
    kind, _, name = run.ref.removeprefix("refs/").partition("/")
    where = f"{'tag' if kind == 'tags' else 'branch'} {name}"
    if run.setup_error:
        yield f"run #{run.number} {run.name} ({where}) could not be set up:"
        yield from (f"  {line}" for line in run.setup_error.splitlines())
    else:
        yield f"run #{run.number} {run.name} ({where})"
    yield f"  {run.url}"


def _set_apart(lines: list[str]) -> list[str]:
    """With an empty line on either side, so that it stands out from git's own."""
    return ["", *lines, ""] if lines else []
