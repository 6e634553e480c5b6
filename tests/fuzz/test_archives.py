"""Hostile archives, a few of those that `make test-deep` tries."""

from pathlib import Path

import pytest

from tests.fuzz.archives import archive, complaint


@pytest.mark.parametrize("seed", range(4))
def test_no_archive_does_what_none_may(seed: int, tmp_path: Path) -> None:
    """Each is unpacked below its target within its limits, or ends as one clear error."""
    for number in range(250):
        found = complaint(archive(seed, number), tmp_path / str(number))
        assert not found, f"archive {number} of seed {seed}: {found}"
