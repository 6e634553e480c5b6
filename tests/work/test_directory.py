"""What is on disk survives, and is replaced as a whole."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.work.places import job
from tidemill.core.job import JobPhase
from tidemill.work.directory import job_directory, kept_jobs, pod_id


def test_an_accepted_job_is_kept(tmp_path: Path) -> None:
    """With all that is needed to do it, and nothing done."""
    spec = job("echo one", "echo two")
    kept = job_directory(tmp_path, spec).accept(spec)
    (found,) = kept_jobs(tmp_path)
    assert (found.spec, found.state) == (spec, kept.state)
    assert found.state.report.phase is JobPhase.ACCEPTED
    assert len(found.state.report.steps) == 2
    assert not found.state.begun


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """A job's environment is nobody else's business."""
    directory = job_directory(tmp_path, job())
    directory.accept(job())
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in directory.path.iterdir())


def test_a_failed_replacement_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle of a write costs the change, not the job."""
    directory = job_directory(tmp_path, job())
    kept = directory.accept(job())
    kept.save(kept.state)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        directory.save(replace(kept.state, begun=True), durable=True)
    assert directory.load() == replace(kept, is_found=True)
    assert sorted(path.name for path in directory.path.iterdir()) == ["job.json", "state.json"]


def test_what_is_no_job_is_cleared_away(tmp_path: Path) -> None:
    """A job that was cut short while it was accepted was never accepted."""
    directory = job_directory(tmp_path, job())
    directory.accept(job())
    (directory.path / "job.json").unlink()
    assert kept_jobs(tmp_path) == []
    assert not directory.path.exists()


def test_removing_twice_is_harmless(tmp_path: Path) -> None:
    """Whoever comes second finds nothing."""
    directory = job_directory(tmp_path, job())
    directory.accept(job())
    directory.remove()
    directory.remove()
    assert kept_jobs(tmp_path) == []


def test_each_generation_has_its_own_name() -> None:
    """And no name leads out of its place."""
    spec = job()
    assert pod_id(spec) != pod_id(replace(spec, generation=2))
    assert "/" not in pod_id(replace(spec, id="../../etc"))


def test_a_job_from_before_the_machines_start_counts_as_begun(tmp_path: Path) -> None:
    """Its last writes may be lost, so it is not known that nothing of it has run."""
    spec = job()
    job_directory(tmp_path, spec).accept(spec, "monday")
    (same,) = kept_jobs(tmp_path, "monday")
    (other,) = kept_jobs(tmp_path, "tuesday")
    assert (same.state.begun, other.state.begun) == (False, True)


@pytest.mark.parametrize(("boot", "count"), [("monday", 0), ("", 3)])
def test_writes_are_durable_where_no_start_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: str, count: int
) -> None:
    """Without a name for the machine's start everything goes to the disk at once."""
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    job_directory(tmp_path, job()).accept(job(), boot)
    assert len(synced) == count
