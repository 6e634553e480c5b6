"""The public API, asked a little of what `make test-deep` asks."""

from pathlib import Path

from tests.fuzz.api.__main__ import run


def test_every_answer_is_as_it_is_described(tmp_path: Path) -> None:
    """No request is answered with 5xx, or with a status or a body that the description does not know."""
    report = run(tmp_path, number=7, count=250)
    assert report.count >= 200
    assert not report.complaints, "\n".join(map(str, report.complaints.values()))
    assert {200, 201, 204, 400, 401, 403, 404} <= report.statuses.keys()
