"""The pages are true: what they name exists, what exists is named."""

import re
from pathlib import Path

import pytest
import yaml

from tests.house.codemap import PAGE, ROOT, with_map
from tidemill.contracts.gateway import Gateway
from tidemill.kit.contract import endpoints
from tidemill.settings.loading import names

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_code_map_is_fresh() -> None:
    """ARCHITECTURE.md lists every module with its first sentence (mend with: make fmt)."""
    assert PAGE.read_text() == with_map(PAGE.read_text())


def test_every_setting_is_in_the_manual() -> None:
    """docs/operations.md names each setting."""
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in names() if f"`{name}`" not in manual] == []


def test_every_public_route_is_documented() -> None:
    """docs/api.md names verb and path of each route of the public API."""
    page = (ROOT / "docs" / "api.md").read_text()
    routes = [f"{endpoint.verb} {endpoint.path}" for endpoint in endpoints(Gateway)]
    assert [route for route in routes if f"`{route}`" not in page] == []


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
