"""Every route of the reference has its vectors: how it succeeds, each of its errors, who may not ask."""

import re
from pathlib import Path

import pytest

from tests.vectors.stories import Route, answer, asked, route_of, routes, stories, told

COMPATIBILITY = Path(__file__).parents[2] / "docs" / "compatibility.md"
HERE = [route for route in routes() if not route.elsewhere]
#: Errors of routes that no story shows, and why. Nothing else may be missing.
NOT_SHOWN: dict[str, str] = {}


def named(route: Route) -> str:
    return route.route


def answers(route: Route) -> set[str]:
    """What is answered, ours and Agola's, as status and code."""
    found = set()
    for step, _, gets in told()[route.route]:
        for text in (gets, step.agola):
            status, _, body = text.partition(" ")
            code = re.search(r'"code":"(\w+)"', answer(text)[1]) if text else None
            found.add(f"{status} {code[1]}" if code else f"{status} []" if body == "[]" else status)
    return found


def test_all_routes_are_there() -> None:
    """The ninety of the reference, and the four outside; each is named once."""
    assert [route.number for route in routes()] == list(range(1, 95))
    assert len({route.route for route in routes()}) == 94


@pytest.mark.parametrize("route", HERE, ids=named)
def test_a_route_succeeds(route: Route) -> None:
    """At least once, with the status of the index."""
    found = {gets.partition(" ")[0] for _, _, gets in told()[route.route]}
    assert found, "no vector is about it"
    assert str(route.success) in found or route.no_success


@pytest.mark.parametrize("route", HERE, ids=named)
def test_each_error_of_a_route_is_shown(route: Route) -> None:
    """Ours where it is Agola's too, else Agola's beside ours."""
    missing = set(route.errors) - answers(route)
    assert not {error for error in missing if f"{route.route} {error}" not in NOT_SHOWN}


@pytest.mark.parametrize("route", [route for route in HERE if route.auth == "F"], ids=named)
def test_nobody_is_refused(route: Route) -> None:
    """Where somebody known is needed, a vector asks without saying who."""
    assert any(who == "nobody" and gets == "401 []" for _, who, gets in told()[route.route])


def test_what_differs_is_documented() -> None:
    """Each answer that is not Agola's has its row or sentence in docs/compatibility.md."""
    text = COMPATIBILITY.read_text(encoding="utf-8")
    for story in stories():
        for step in story.steps:
            assert bool(step.agola) == bool(step.why), step.ask
            assert step.why in text, f"{step.ask}: docs/compatibility.md does not say {step.why!r}"


def test_every_vector_is_of_a_route() -> None:
    """Of one of the index, or of none that Agola has: then it must be an extension, or nothing at all."""
    ours = {"PUT /users/sina/password", "POST /user", "GET /nothing", "GET //user"}
    for story in stories():
        for step in story.steps:
            if step.ask:
                _, verb, path, _ = asked(step)
                assert route_of(verb, path) or f"{verb} {path}" in ours, step.ask
