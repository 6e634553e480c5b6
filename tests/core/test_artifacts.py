"""Paths of artifacts, and directories for tasks."""

import pytest

from tidemill.core.artifacts import folders_of, path_fault


@pytest.mark.parametrize("path", ["a", "dist/a b.whl", "ü/ß", "..a/b..", "x" * 1024, "a\\b", "C:x"])
def test_a_path_that_leads_down_is_one(path: str) -> None:
    """Whatever else it holds."""
    assert path_fault(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "./a",
        "..",
        "a/../b",
        "a\0",
        "a\nb",
        "a\x9bb",
        "\udcff",
        "x" * 1025,
        "ü" * 513,
    ],
)
def test_a_path_that_leads_elsewhere_is_none(path: str) -> None:
    """Nor one that no database or terminal would take."""
    assert path_fault(path)


def test_each_task_has_a_directory_of_its_own() -> None:
    """Whatever it is called."""
    tasks = ["build", "a/b", "a-b", "..", ".", "test (os=a/b)"]
    folders = folders_of(tasks)
    assert folders["build"] == "build"
    assert folders["test (os=a/b)"] == "test (os=a-b)"
    assert len(set(folders.values())) == len(tasks)
    assert not any("/" in name or not name.strip(".") for name in folders.values())
