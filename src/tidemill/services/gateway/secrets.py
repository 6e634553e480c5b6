"""Secrets of the public API; values go in and never come out."""

from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.secrets import SecretRequest, SecretResponse, SecretRoutes, TreeQuery
from tidemill.contracts.secrets import Secret, SecretData
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest
from tidemill.services.gateway.holders import Holder, Holders, is_given

_SEE, _CHANGE = Action.VIEW_SECRETS, Action.CHANGE_SECRETS


class Secrets(SecretRoutes):
    """Asks the configstore for who may."""

    def __init__(self, configstore: Configstore) -> None:
        self._configstore = configstore
        self._holders = Holders(configstore)

    async def project_secrets(
        self, projectref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[SecretResponse, ...]:
        return await self._listed(await self._holders.project(projectref, _SEE), wanted)

    async def create_project_secret(self, projectref: str, request: SecretRequest) -> SecretResponse:
        return await self._create(await self._holders.project(projectref, _CHANGE), request)

    async def update_project_secret(
        self, projectref: str, secretname: str, request: SecretRequest
    ) -> SecretResponse:
        return await self._update(await self._holders.project(projectref, _CHANGE), secretname, request)

    async def delete_project_secret(self, projectref: str, secretname: str) -> None:
        holder = await self._holders.project(projectref, _CHANGE)
        await self._configstore.delete_secret(*holder, secretname)

    async def project_group_secrets(
        self, projectgroupref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[SecretResponse, ...]:
        return await self._listed(await self._holders.group(projectgroupref, _SEE), wanted)

    async def create_project_group_secret(
        self, projectgroupref: str, request: SecretRequest
    ) -> SecretResponse:
        return await self._create(await self._holders.group(projectgroupref, _CHANGE), request)

    async def update_project_group_secret(
        self, projectgroupref: str, secretname: str, request: SecretRequest
    ) -> SecretResponse:
        return await self._update(await self._holders.group(projectgroupref, _CHANGE), secretname, request)

    async def delete_project_group_secret(self, projectgroupref: str, secretname: str) -> None:
        holder = await self._holders.group(projectgroupref, _CHANGE)
        await self._configstore.delete_secret(*holder, secretname)

    async def _listed(self, holder: Holder, wanted: TreeQuery) -> tuple[SecretResponse, ...]:
        found = (await self._configstore.secrets(*holder, *is_given(wanted))).secrets
        return tuple(_shown(secret) for secret in found)

    async def _create(self, holder: Holder, request: SecretRequest) -> SecretResponse:
        return _shown(await self._configstore.create_secret(*holder, _data(request)))

    async def _update(self, holder: Holder, name: str, request: SecretRequest) -> SecretResponse:
        return _shown(await self._configstore.update_secret(*holder, name, _data(request)))


def _data(request: SecretRequest) -> SecretData:
    """Names are looked at before types, as in the reference."""
    if not is_valid_name(request.name):
        raise BadRequest(f"{request.name!r} cannot be a secret's name: {NAME_RULE}", code="invalidSecretName")
    if request.type != "internal":
        raise BadRequest(f'a secret\'s type is "internal", not {request.type!r}', code="invalidSecretType")
    return SecretData(name=request.name, data=request.data)


def _shown(secret: Secret) -> SecretResponse:
    return SecretResponse(id=secret.id, name=secret.name, parent_path=secret.parent_path)
