"""The pages are true: what they name exists, what exists is named."""

import re
from pathlib import Path

import pytest
import yaml

from tests.house import clients
from tests.house.pages import MADE, ROOT, renewed
from tidemill.settings.loading import names

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", MADE, ids=lambda path: path.name)
def test_generated_parts_are_fresh(page: Path) -> None:
    """The code map lists every module, docs/api.md every route (mend with: make fmt)."""
    assert page.read_text() == renewed(page)


@pytest.mark.parametrize("module", clients.MADE, ids=lambda path: str(path.relative_to(clients.CLIENT)))
def test_clients_have_what_their_contracts_have(module: Path) -> None:
    """No route and no internal call is missing in a client (mend with: make fmt)."""
    assert module.read_text() == clients.MADE[module]()


def test_every_setting_is_in_the_manual() -> None:
    """docs/operations.md names each setting."""
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in names() if f"`{name}`" not in manual] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links and the make targets of a page exist."""
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert f"\n{target}:" in makefile, target


def test_the_first_screen_holds_a_configuration_that_plans() -> None:
    """The README's example of a configuration is YAML with runs and tasks."""
    (example,) = re.findall(
        r"```yaml\n(# \.tidemill/config\.yml\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert len(example.splitlines()) <= 11
    assert yaml.safe_load(example)["runs"][0]["tasks"]
