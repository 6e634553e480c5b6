"""What the pusher reads."""

from tidemill.contracts.pushes import PushedRun, PushOutcome
from tidemill.services.gitserver.outcome import outcome_lines, postponed_lines


def run(number: int, ref: str = "refs/heads/feature/x", setup_error: str = "") -> PushedRun:
    return PushedRun(
        number=number, name="build", ref=ref, url=f"http://x/runs/{number}", setup_error=setup_error
    )


def test_runs_are_listed_with_their_urls() -> None:
    outcome = PushOutcome(is_complete=True, runs=(run(4), run(5, "refs/tags/v1")), notes=("a note",))
    assert outcome_lines(outcome) == [
        "",
        "run #4 build (branch feature/x)",
        "  http://x/runs/4",
        "run #5 build (tag v1)",
        "  http://x/runs/5",
        "a note",
        "",
    ]


def test_nothing_to_say_is_nothing() -> None:
    """A deletion makes no run and no noise."""
    assert outcome_lines(PushOutcome(is_complete=True)) == []


def test_slow_runs_are_announced() -> None:
    """A push whose runs take longer than the pusher waits says so, unless the gateway says more."""
    assert "the push is stored; its runs are still being created" in outcome_lines(
        PushOutcome(is_complete=False)
    )
    assert outcome_lines(PushOutcome(is_complete=False, notes=("still reading",)))[1:-1] == ["still reading"]


def test_very_many_runs_are_counted() -> None:
    lines = outcome_lines(PushOutcome(is_complete=True, runs=tuple(run(i) for i in range(50))))
    assert lines[-2] == "and 30 more runs"
    assert len(lines) == 2 + 2 * 20 + 1


def test_errors_are_shown_line_by_line() -> None:
    lines = outcome_lines(PushOutcome(is_complete=True, runs=(run(1, setup_error="a.yml:1:1: bad\n  here"),)))
    assert lines[2:4] == ["  a.yml:1:1: bad", "    here"]
    assert "  starting" in postponed_lines("starting")
