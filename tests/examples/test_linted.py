"""The repositories of examples/ as `tidemill lint` sees them, and the page that lists them."""

import json
import re
import subprocess
import sys

from tests.examples.repositories import EXAMPLES, ROOT


def test_lint_has_nothing_to_say_but_of_what_agola_ignores() -> None:
    """One command for all of them; errors would be exit code 1."""
    done = subprocess.run(
        [sys.executable, "-m", "tidemill", "lint", "-o", "json", *EXAMPLES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [(problem["path"], problem["severity"]) for problem in json.loads(done.stdout)]
    assert said == [("agola-yaml/.agola/config.yml", "warning")] * 2


def test_the_page_lists_every_example() -> None:
    """Each with what it shows."""
    page = (ROOT / "README.md").read_text()
    assert sorted(re.findall(r"^\| `([a-z-]+)` \| \S", page, re.MULTILINE)) == EXAMPLES
