"""Explaining pushed refs: every code, also of records that have none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidemill.core.explaining import codes
from tidemill.core.explaining.pushes import MadeOf, Pushed, explain_push

NOW = datetime(2026, 7, 30, 12, tzinfo=UTC)
RUN = MadeOf(number=7, name="main")
WRONG = MadeOf(number=8, name="Setup Error", setup_error="a.yml:3:5: no such key; b:1: x")


def pushed(code: str = "", **fields: Any) -> Pushed:
    usual = {"is_pending": False, "has_failed": False, "note": "", "due_at": NOW}
    return Pushed(code=code, **(usual | fields))


@pytest.mark.parametrize(
    ("record", "code", "sentence"),
    [
        (pushed("runs_made", runs=(RUN, RUN)), "runs_made", "made #7 main and #7 main"),
        (pushed("", runs=(RUN,)), "runs_made", "made #7 main"),
        (
            pushed("setup_error", runs=(WRONG,)),
            "setup_error",
            "its configuration is wrong, which run #8 tells: a.yml:3:5: no such key; b:1: x",
        ),
        (pushed("failed", has_failed=True, note="no leave"), "failed", "no leave"),
        (pushed("", has_failed=True, note="no leave"), "failed", "no leave"),
        (pushed("", note="it was deleted"), "no_run", "it was deleted"),
        (pushed(""), "no_run", "no run was made"),
        (
            pushed(is_pending=True),
            "pending",
            "waiting: an older push to the same ref, or the work on it, has not ended",
        ),
        (
            pushed(
                is_pending=True,
                attempts=2,
                note="x is away; trying again",
                due_at=NOW + timedelta(seconds=40),
            ),
            "retrying",
            "waiting: it is tried again in 40 s: x is away",
        ),
        (
            pushed(is_pending=True, attempts=2, note="x is away; trying again"),
            "retrying",
            "waiting: it is tried again now: x is away",
        ),
    ],
)
def test_what_is_said(record: Pushed, code: str, sentence: str) -> None:
    """One sentence and a code, whatever is recorded."""
    found = explain_push(record, NOW)
    assert (found.code, found.sentence) == (code, sentence)
    assert code in codes.PUSHED_REF


@pytest.mark.parametrize(
    "code", sorted(set(codes.PUSHED_REF) - {"runs_made", "setup_error", "failed", "pending", "retrying"})
)
def test_a_recorded_code_is_kept(code: str) -> None:
    """With the note as the sentence, and warnings beside it."""
    found = explain_push(pushed(code, note="because\nwarning: a\nwarning: b"), NOW)
    assert found.code == code
    assert found.sentence.endswith("because")
    assert found.evidence == {"warnings": "a\nb"}


def test_the_place_is_evidence() -> None:
    """Of an error that has one."""
    assert explain_push(pushed(runs=(WRONG,)), NOW).evidence == {"runs": "8", "place": "a.yml:3:5"}
