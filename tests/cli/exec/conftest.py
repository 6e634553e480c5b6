"""Repositories that are made for a test."""

from pathlib import Path

import pytest

from tests.cli.exec.trees import Tree, git


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes a repository with one commit that holds a configuration and *files*."""

    def make(config: str, *, name: str = "config.yml", **files: str) -> Path:
        place = tmp_path / "tree"
        (place / ".tidemill").mkdir(parents=True)
        (place / ".tidemill" / name).write_text(config)
        for path, text in files.items():
            (place / path).write_text(text)
        git(place, "init", "--quiet")
        git(place, "add", ".")
        git(place, "commit", "--quiet", "-m", "First")
        return place

    return make
