"""What a run says of values is filled in wherever its tasks name them: inputs, and defaults of variables."""

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from tidemill.core.definition.nouns import FromInput
from tidemill.core.plan import (
    Concurrency,
    Container,
    FromVariable,
    Literal,
    RegistryAuth,
    RunStep,
    Runtime,
    Step,
    Value,
)
from tidemill.core.refs import Ref, RefType

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a run's *inputs*, and what the configuration says of *variables*."""

    inputs: Mapping[str, str]
    variables: Mapping[str, str]

    def value(self, value: Value) -> Value:
        """The text of an input; a variable with its default."""
        if isinstance(value, FromInput):
            return Literal(self.inputs[value.name])
        if isinstance(value, FromVariable):
            return FromVariable(value.name, self.variables.get(value.name))
        return value

    def environment(self, environment: Mapping[str, Value]) -> dict[str, Value]:
        return {name: self.value(value) for name, value in environment.items()}

    def step(self, step: Step) -> Step:
        if isinstance(step, RunStep) and step.environment:
            return replace(step, environment=self.environment(step.environment))
        return step

    def runtime(self, runtime: Runtime) -> Runtime:
        return replace(runtime, containers=tuple(self._container(each) for each in runtime.containers))

    def registries(self, registries: Mapping[str, RegistryAuth]) -> dict[str, RegistryAuth]:
        return {name: self._registry(auth) for name, auth in registries.items()}

    def _container(self, container: Container) -> Container:
        return replace(container, environment=self.environment(container.environment))

    def _registry(self, auth: RegistryAuth) -> RegistryAuth:
        return replace(
            auth,
            username=self.value(auth.username),
            password=self.value(auth.password),
            auth=self.value(auth.auth),
        )


def bound_concurrency(concurrency: Concurrency | None, run: str, ref: Ref) -> Concurrency | None:
    """*concurrency* with the placeholders of its group filled in; None when nothing is left of the group."""
    if concurrency is None:
        return None
    known = placeholders(run, ref)
    group = _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), concurrency.group)
    return replace(concurrency, group=group) if group else None


def placeholders(run: str, ref: Ref) -> dict[str, str]:
    """What the group of a run's concurrency may name, as `${name}`."""
    return {
        "branch": ref.name if ref.type is RefType.BRANCH else "",
        "tag": ref.name if ref.type is RefType.TAG else "",
        "ref": ref.full,
        "pull_request_id": ref.name if ref.type is RefType.PULL_REQUEST else "",
        "run": run,
    }
