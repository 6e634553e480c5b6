"""The process that reads reports: a tar stream comes in, one answer goes out; with limits and no secrets."""

import resource
import sys
import tarfile
from typing import BinaryIO

import msgspec

from tidemill.core.reports import MOST_FAILED, FailedCase, Reported
from tidemill.work.junit.parsing import Malformed, Totals, read_report

LARGEST_FILE = 64 << 20
MOST_FILES = 1000
_MOST_WARNINGS = 20
_MEMORY = 256 << 20
_SECONDS = 30
_OPEN_FILES = 16
_LONGEST_PATH = 200


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what could not be."""

    reported: Reported
    warnings: tuple[str, ...] = ()


def main() -> None:
    """Read stdin to its end."""
    _confine()
    sys.stdout.buffer.write(msgspec.json.encode(read_all(sys.stdin.buffer)))


def read_all(archive: BinaryIO) -> Answer:
    """All reports of a tar stream."""
    totals = Totals()
    warnings: list[str] = []
    files = 0
    try:
        with tarfile.open(fileobj=archive, mode="r|", errorlevel=2) as tar:
            for entry in tar:
                tar.members.clear()  # type: ignore[attr-defined]  # it would remember every entry
                if not entry.isreg():
                    continue
                if files >= MOST_FILES:
                    warnings.append(f"there are more than {MOST_FILES:,} reports: the others are not read")
                    break
                if warning := _read(tar, entry, totals):
                    warnings.append(f"{entry.name[:_LONGEST_PATH]}: {warning}")
                else:
                    files += 1
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        warnings.append(f"the reports did not arrive whole: {error}")
    if len(warnings) > _MOST_WARNINGS:
        warnings[_MOST_WARNINGS:] = [f"… and {len(warnings) - _MOST_WARNINGS} more"]
    return Answer(reported=_reported(totals, files), warnings=tuple(_sound(line) for line in warnings))


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo, totals: Totals) -> str:
    """Read one report; why it could not be, "" when it could."""
    if entry.size > LARGEST_FILE:
        return f"it is larger than {LARGEST_FILE >> 20} MiB and is not read"
    file = tar.extractfile(entry)
    assert file is not None, "it is a file"
    try:
        read_report(file, totals, most_failed=MOST_FAILED)  # type: ignore[arg-type]  # all it does is read
    except Malformed as malformed:
        return str(malformed)
    return ""


def _reported(totals: Totals, files: int) -> Reported:
    return Reported(
        files=files,
        tests=totals.tests,
        failures=totals.failures,
        errors=totals.errors,
        skipped=totals.skipped,
        seconds=min(totals.seconds, 1e12),
        failed=tuple(FailedCase(**msgspec.structs.asdict(case)) for case in totals.failed),
    )


def _sound(text: str) -> str:
    """Without what UTF-8 cannot write: names of files may hold anything."""
    return text.encode(errors="replace").decode()


def _confine() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (wanted, wanted))
