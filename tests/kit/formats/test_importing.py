"""Names of files that a file imports: relative to it, always inside the repository."""

import pytest

from tidemill.kit.formats.document import NotReadable
from tidemill.kit.formats.importing import resolve


@pytest.mark.parametrize(
    ("wanted", "folder", "path"),
    [
        ("lib.jsonnet", "", "lib.jsonnet"),
        ("lib.jsonnet", ".tidemill", ".tidemill/lib.jsonnet"),
        ("../ci/lib.jsonnet", ".tidemill", "ci/lib.jsonnet"),
        ("./a/./b//c", "x/", "x/a/b/c"),
        ("a/../b", "", "b"),
        ("../../x", "a/b", "x"),
        ("..x/...", "", "..x/..."),
    ],
)
def test_names_are_relative_to_who_imports(wanted: str, folder: str, path: str) -> None:
    """Ways through `..` are followed as long as they stay inside."""
    assert resolve(wanted, folder=folder) == path


@pytest.mark.parametrize(
    ("wanted", "folder", "message"),
    [
        ("/etc/passwd", "", "absolute"),
        ("//etc/passwd", "a", "absolute"),
        ("../x", "", "leads out of the repository"),
        ("../../x", ".tidemill", "leads out of the repository"),
        ("a/../../../x", ".tidemill", "leads out of the repository"),
        ("..", "a", "is not a file"),
        (".", "", "is not a file"),
        ("-x", "", "is not a file"),
        ("", "a", "cannot be the path of a file"),
        ("a\nb", "", "cannot be the path of a file"),
        ("a\0b", "", "cannot be the path of a file"),
        ("x" * 5000, "", "cannot be the path of a file"),
    ],
)
def test_what_is_not_in_the_repository_is_refused(wanted: str, folder: str, message: str) -> None:
    """With a sentence that says why."""
    with pytest.raises(NotReadable, match=message):
        resolve(wanted, folder=folder)
