"""Variables are resolved as the reference says (run configuration 7.2 and 7.3)."""

from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.context import Occasion
from tidemill.core.patterns import Pattern, PatternKind
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.core.variables import PlacedSecret, PlacedVariable, VariableValue, meant, secret_behind
from tidemill.core.when import Conditions, When

MAIN = Occasion(ref=branch("main"))
PROJECT, GROUP, ROOT = 0, 1, 2


def only(*names: str) -> Conditions:
    return Conditions(include=tuple(Pattern(text=name) for name in names))


def value(secret: str = "s", key: str = "k", when: When | None = None) -> VariableValue:
    return VariableValue(secret_name=secret, secret_var=key, when=when)


def variable(level: int, *values: VariableValue, name: str = "v") -> PlacedVariable:
    return PlacedVariable(name=name, level=level, values=values or (value(),))


def secret(level: int, name: str = "s") -> PlacedSecret:
    return PlacedSecret(id=f"{name}{level}", name=name, level=level)


def found(*variables: PlacedVariable, secrets: tuple[PlacedSecret, ...], on: Occasion = MAIN) -> str:
    """The id of the secret and the key that `v` means; "" when it is undefined."""
    answer = meant("v", variables, secrets, on)
    return f"{answer.secret.id}/{answer.key}" if answer else ""


def test_a_variable_means_a_key_of_a_secret() -> None:
    """Of its own level, or of the next above that has one of that name."""
    assert found(variable(PROJECT), secrets=(secret(PROJECT), secret(ROOT))) == "s0/k"
    assert found(variable(PROJECT), secrets=(secret(ROOT), secret(GROUP))) == "s1/k"
    assert found(variable(PROJECT), secrets=(secret(PROJECT, "other"),)) == ""
    assert found(variable(PROJECT, name="other"), secrets=(secret(PROJECT),)) == ""


def test_a_project_cannot_change_what_its_groups_variable_means() -> None:
    """A secret from below the variable is never taken, not even when there is no other."""
    assert found(variable(GROUP), secrets=(secret(PROJECT), secret(ROOT))) == "s2/k"
    assert found(variable(GROUP), secrets=(secret(PROJECT),)) == ""


def test_the_nearest_variable_wins_entirely() -> None:
    """When none of its values holds, the variable is undefined; the group's is not asked."""
    far = variable(ROOT, value(key="far"))
    assert found(far, variable(PROJECT, value(key="near")), secrets=(secret(ROOT),)) == "s2/near"
    nowhere = variable(PROJECT, value(when=When(branch=only("release"))))
    assert found(far, nowhere, secrets=(secret(ROOT),)) == ""
    assert found(far, variable(PROJECT, value(secret="none")), secrets=(secret(ROOT),)) == ""


def test_values_are_tried_in_order() -> None:
    """The first whose `when` holds is it; a secret that it lacks makes nobody look further."""
    values = (
        value(key="tags", when=When(tag=only("v1"))),
        value(key="main", when=When(branch=only("main"))),
        value(key="rest"),
    )
    secrets = (secret(PROJECT),)
    for ref, key in ((tag("v1"), "tags"), (branch("main"), "main"), (branch("dev"), "rest")):
        assert found(variable(PROJECT, *values), secrets=secrets, on=Occasion(ref=ref)) == f"s0/{key}"
    assert found(variable(PROJECT, value(secret="none"), value()), secrets=secrets) == ""


def test_a_when_without_conditions_never_holds() -> None:
    """As anywhere else."""
    assert found(variable(PROJECT, value(when=When())), secrets=(secret(PROJECT),)) == ""


def test_a_pull_request_is_meant_by_its_ref_alone() -> None:
    """It has neither branch nor tag."""
    pull = Occasion(ref=Ref(type=RefType.PULL_REQUEST, name="7", full="refs/pull/7/head"))
    pulls = Conditions(include=(Pattern(text=r"^refs/pull/\d+/head$", kind=PatternKind.REGEXP),))
    values = (value(key="branch", when=When(branch=only("7"))), value(key="pull", when=When(ref=pulls)))
    assert found(variable(PROJECT, *values), secrets=(secret(PROJECT),), on=pull) == "s0/pull"


@given(st.lists(st.integers(0, 5)), st.integers(0, 5))
def test_the_secret_is_the_nearest_from_the_variable_up(levels: list[int], level: int) -> None:
    """In whatever order they come."""
    answer = secret_behind("s", level, [secret(one) for one in levels])
    assert (answer.level if answer else None) == min((one for one in levels if one >= level), default=None)
