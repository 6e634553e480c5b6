"""What the tasks of a run that has happened here have kept: found, and handed out where it is wanted."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tidemill.cli.output import inert
from tidemill.core.artifacts import folders_of
from tidemill.core.run import Run, RunTask
from tidemill.kit.toolbox.places import amount, size_text

_MOST_LISTED = 20


class LocalArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a task has kept."""

    path: str
    """Below the directory of its run: the task's own directory, then its path."""
    file: Path
    size: int


def attempt_place(root: Path, task: RunTask, attempt: int) -> Path:
    """Where the steps of a task keep their files in an attempt."""
    return root / task.id / str(attempt)


def kept_by(run: Run, root: Path) -> list[LocalArtifact]:
    """What the latest attempt that has kept anything has kept of each task; later steps come over earlier."""
    folders = folders_of([task.name for task in run.tasks])
    found: dict[str, Path] = {}
    for task in run.tasks:
        attempts = [attempt_place(root, task, number) for number in range(1, task.attempt + 1)]
        latest = next((place for place in reversed(attempts) if place.exists()), None)
        steps = sorted(latest.iterdir(), key=lambda place: int(place.name)) if latest else []
        for step in steps:
            for file in sorted(path for path in step.rglob("*") if path.is_file()):
                found[f"{folders[task.name]}/{file.relative_to(step)}"] = file
    return [
        LocalArtifact(path=path, file=file, size=file.stat().st_size) for path, file in sorted(found.items())
    ]


def hand_out(artifacts: Sequence[LocalArtifact], to: Path) -> None:
    """Move them below *to*, over what is there."""
    for artifact in artifacts:
        target = to / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(artifact.file, target)


def told(artifacts: Sequence[LocalArtifact], to: Path | None) -> Iterator[str]:
    """Lines for people: what there is, and where."""
    if not artifacts:
        return
    total = f"{amount(len(artifacts), 'file')}, {size_text(sum(one.size for one in artifacts))}"
    yield ""
    if to is None:
        yield f"artifacts ({total}), not kept; give --artifacts-dir DIR to keep them:"
    else:
        yield f"artifacts ({total}) in {to}:"
    for one in artifacts[:_MOST_LISTED]:
        yield f"  {inert(one.path)}  {size_text(one.size)}"
    if len(artifacts) > _MOST_LISTED:
        yield f"  … and {len(artifacts) - _MOST_LISTED:,} more"
