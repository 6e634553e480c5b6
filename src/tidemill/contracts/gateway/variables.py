"""Variables of projects and project groups, as the public API shows them."""

from typing import Unpack

import msgspec

from tidemill.contracts.gateway.secrets import TreeQuery
from tidemill.kit.contract import Contract, delete, get, post, put


class WhenCondition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a branch, a tag or a ref is compared with."""

    type: str = ""
    """`simple`, or `regexp` (RE2, found anywhere)."""
    match: str = ""


class WhenConditions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of *include* must match and none of *exclude*."""

    include: tuple[WhenCondition, ...] | None = None
    exclude: tuple[WhenCondition, ...] | None = None


class ValueWhen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """On which refs a value is meant; without any condition on none."""

    branch: WhenConditions | None = None
    tag: WhenConditions | None = None
    ref: WhenConditions | None = None


class VariableValueRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a secret, on some refs or (null) on all."""

    secret_name: str = ""
    secret_var: str = ""
    when: ValueWhen | None = None


class VariableRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A variable to create, or all that it is to be from now on."""

    name: str = ""
    values: tuple[VariableValueRequest, ...] = ()
    """Tried in this order."""


class VariableValueResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A value, and where the secret that it means is kept ("" when there is none)."""

    secret_name: str
    secret_var: str
    matching_secret_parent_path: str
    when: ValueWhen | None


class VariableResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A variable."""

    id: str
    name: str
    values: tuple[VariableValueResponse, ...]
    parent_path: str
    """Filled in lists."""


class VariableRoutes(Contract):
    """Variables. They are for those to see who may see the project or group; its owner changes them."""

    @get("/projects/{projectref}/variables")
    async def project_variables(
        self, projectref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[VariableResponse, ...]:
        """What they mean; `tree` and `removeoverridden` are flags by presence."""

    @post("/projects/{projectref}/variables", status=201)
    async def create_project_variable(self, projectref: str, request: VariableRequest) -> VariableResponse:
        """For the owner; 400 `variableAlreadyExists`, `invalidVariableName`, `invalidVariableValues`."""

    @put("/projects/{projectref}/variables/{variablename}")
    async def update_project_variable(
        self, projectref: str, variablename: str, request: VariableRequest
    ) -> VariableResponse:
        """For the owner; replaces all of it, also its name. 404 `variableDoesNotExist`."""

    @delete("/projects/{projectref}/variables/{variablename}", status=204)
    async def delete_project_variable(self, projectref: str, variablename: str) -> None:
        """For the owner; 404 `variableDoesNotExist`."""

    @get("/projectgroups/{projectgroupref}/variables")
    async def project_group_variables(
        self, projectgroupref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[VariableResponse, ...]:
        """As for projects."""

    @post("/projectgroups/{projectgroupref}/variables", status=201)
    async def create_project_group_variable(
        self, projectgroupref: str, request: VariableRequest
    ) -> VariableResponse:
        """As for projects."""

    @put("/projectgroups/{projectgroupref}/variables/{variablename}")
    async def update_project_group_variable(
        self, projectgroupref: str, variablename: str, request: VariableRequest
    ) -> VariableResponse:
        """As for projects."""

    @delete("/projectgroups/{projectgroupref}/variables/{variablename}", status=204)
    async def delete_project_group_variable(self, projectgroupref: str, variablename: str) -> None:
        """As for projects."""
