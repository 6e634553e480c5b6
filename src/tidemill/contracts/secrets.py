"""What may be asked of the configstore about secrets and variables: everything but the secrets' data."""

from typing import Literal

import msgspec

from tidemill.core.variables import VariableValue
from tidemill.kit.contract import Contract, delete, get, post, put

#: What can have secrets and variables; how it stands in a path.
ParentKind = Literal["projects", "project-groups"]


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret; its data is shown to nobody."""

    id: str
    name: str
    parent_path: str
    """The path of the project or group that it belongs to."""


class Secrets(msgspec.Struct, frozen=True):
    """A list of secrets."""

    secrets: tuple[Secret, ...]


class SecretData(msgspec.Struct, frozen=True, kw_only=True):
    """A secret to create, or all that it is to be from now on."""

    name: str
    data: dict[str, str]

    def __repr__(self) -> str:
        return f"SecretData(name={self.name!r}, data=…)"


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable: what it means, in the order in which it is tried."""

    id: str
    name: str
    parent_path: str
    values: tuple[VariableValue, ...]
    secret_paths: tuple[str, ...]
    """For each value the path of the project or group whose secret it means; "" where there is none."""


class Variables(msgspec.Struct, frozen=True):
    """A list of variables."""

    variables: tuple[Variable, ...]


class VariableData(msgspec.Struct, frozen=True, kw_only=True):
    """A variable to create, or all that it is to be from now on."""

    name: str
    values: tuple[VariableValue, ...]


class SecretCalls(Contract):
    """Secrets and variables of a project or group; *ref* is its id or path.

    Every call: 404 `projectDoesNotExist`, `projectGroupDoesNotExist`. Lists are nearest first, then by
    name; *tree* adds what is inherited, *nearest* leaves out what something nearer of the same name hides.
    """

    @get("/{kind}/{ref}/secrets")
    async def secrets(self, kind: ParentKind, ref: str, tree: bool = False, nearest: bool = False) -> Secrets:
        """Without their data."""

    @post("/{kind}/{ref}/secrets", status=201)
    async def create_secret(self, kind: ParentKind, ref: str, request: SecretData) -> Secret:
        """400 `invalidSecretName`, `invalidSecretData`, `secretAlreadyExists`."""

    @put("/{kind}/{ref}/secrets/{name}")
    async def update_secret(self, kind: ParentKind, ref: str, name: str, request: SecretData) -> Secret:
        """Replace all of it, also its name; errors as for creation, and 404 `secretDoesNotExist`."""

    @delete("/{kind}/{ref}/secrets/{name}", status=204)
    async def delete_secret(self, kind: ParentKind, ref: str, name: str) -> None:
        """404 `secretDoesNotExist`."""

    @get("/{kind}/{ref}/variables")
    async def variables(
        self, kind: ParentKind, ref: str, tree: bool = False, nearest: bool = False
    ) -> Variables:
        """Each with the places of the secrets that it means."""

    @post("/{kind}/{ref}/variables", status=201)
    async def create_variable(self, kind: ParentKind, ref: str, request: VariableData) -> Variable:
        """400 `invalidVariableName`, `invalidVariableValues`, `variableAlreadyExists`."""

    @put("/{kind}/{ref}/variables/{name}")
    async def update_variable(self, kind: ParentKind, ref: str, name: str, request: VariableData) -> Variable:
        """Replace all of it, also its name; errors as for creation, and 404 `variableDoesNotExist`."""

    @delete("/{kind}/{ref}/variables/{name}", status=204)
    async def delete_variable(self, kind: ParentKind, ref: str, name: str) -> None:
        """404 `variableDoesNotExist`."""
