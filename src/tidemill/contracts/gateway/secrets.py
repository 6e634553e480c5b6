"""Secrets of projects and project groups, as the public API shows them: never their values."""

from typing import TypedDict, Unpack

import msgspec

from tidemill.kit.contract import Contract, delete, get, post, put


class TreeQuery(TypedDict, total=False):
    """Which secrets or variables to list; both are flags by presence."""

    tree: str | None
    """Those of the groups above too, nearest first."""
    removeoverridden: str | None
    """Of each name only the nearest."""


class SecretRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A secret to create, or all that it is to be from now on."""

    name: str = ""
    type: str = ""
    """`internal`."""
    data: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SecretRequest(name={self.name!r}, data=…)"


class SecretResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A secret."""

    id: str
    name: str
    parent_path: str
    """Filled in lists."""


class SecretRoutes(Contract):
    """Secrets. Names are for those who may see the project or group, changes for its owner."""

    @get("/projects/{projectref}/secrets")
    async def project_secrets(
        self, projectref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[SecretResponse, ...]:
        """Without their values; `tree` and `removeoverridden` are flags by presence."""

    @post("/projects/{projectref}/secrets", status=201)
    async def create_project_secret(self, projectref: str, request: SecretRequest) -> SecretResponse:
        """For the owner; 400 `secretAlreadyExists`, `invalidSecretName`, `…Type`, `…Data`."""

    @put("/projects/{projectref}/secrets/{secretname}")
    async def update_project_secret(
        self, projectref: str, secretname: str, request: SecretRequest
    ) -> SecretResponse:
        """For the owner; replaces all of it, also its name. 404 `secretDoesNotExist`."""

    @delete("/projects/{projectref}/secrets/{secretname}", status=204)
    async def delete_project_secret(self, projectref: str, secretname: str) -> None:
        """For the owner; 404 `secretDoesNotExist`."""

    @get("/projectgroups/{projectgroupref}/secrets")
    async def project_group_secrets(
        self, projectgroupref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[SecretResponse, ...]:
        """As for projects."""

    @post("/projectgroups/{projectgroupref}/secrets", status=201)
    async def create_project_group_secret(
        self, projectgroupref: str, request: SecretRequest
    ) -> SecretResponse:
        """As for projects."""

    @put("/projectgroups/{projectgroupref}/secrets/{secretname}")
    async def update_project_group_secret(
        self, projectgroupref: str, secretname: str, request: SecretRequest
    ) -> SecretResponse:
        """As for projects."""

    @delete("/projectgroups/{projectgroupref}/secrets/{secretname}", status=204)
    async def delete_project_group_secret(self, projectgroupref: str, secretname: str) -> None:
        """As for projects."""
