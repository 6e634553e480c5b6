"""Variables of the public API."""

from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.secrets import TreeQuery
from tidemill.contracts.gateway.variables import VariableRequest, VariableResponse, VariableRoutes
from tidemill.core.permissions import Action
from tidemill.services.gateway.holders import Holder, Holders, is_given
from tidemill.services.gateway.meanings import data_of, shown

_SEE, _CHANGE = Action.VIEW_SECRETS, Action.CHANGE_SECRETS


class Variables(VariableRoutes):
    """Asks the configstore for who may."""

    def __init__(self, configstore: Configstore) -> None:
        self._configstore = configstore
        self._holders = Holders(configstore)

    async def project_variables(
        self, projectref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[VariableResponse, ...]:
        return await self._listed(await self._holders.project(projectref, _SEE), wanted)

    async def create_project_variable(self, projectref: str, request: VariableRequest) -> VariableResponse:
        return await self._create(await self._holders.project(projectref, _CHANGE), request)

    async def update_project_variable(
        self, projectref: str, variablename: str, request: VariableRequest
    ) -> VariableResponse:
        return await self._update(await self._holders.project(projectref, _CHANGE), variablename, request)

    async def delete_project_variable(self, projectref: str, variablename: str) -> None:
        holder = await self._holders.project(projectref, _CHANGE)
        await self._configstore.delete_variable(*holder, variablename)

    async def project_group_variables(
        self, projectgroupref: str, **wanted: Unpack[TreeQuery]
    ) -> tuple[VariableResponse, ...]:
        return await self._listed(await self._holders.group(projectgroupref, _SEE), wanted)

    async def create_project_group_variable(
        self, projectgroupref: str, request: VariableRequest
    ) -> VariableResponse:
        return await self._create(await self._holders.group(projectgroupref, _CHANGE), request)

    async def update_project_group_variable(
        self, projectgroupref: str, variablename: str, request: VariableRequest
    ) -> VariableResponse:
        return await self._update(await self._holders.group(projectgroupref, _CHANGE), variablename, request)

    async def delete_project_group_variable(self, projectgroupref: str, variablename: str) -> None:
        holder = await self._holders.group(projectgroupref, _CHANGE)
        await self._configstore.delete_variable(*holder, variablename)

    async def _listed(self, holder: Holder, wanted: TreeQuery) -> tuple[VariableResponse, ...]:
        found = (await self._configstore.variables(*holder, *is_given(wanted))).variables
        return tuple(shown(variable) for variable in found)

    async def _create(self, holder: Holder, request: VariableRequest) -> VariableResponse:
        return shown(await self._configstore.create_variable(*holder, data_of(request)))

    async def _update(self, holder: Holder, name: str, request: VariableRequest) -> VariableResponse:
        return shown(await self._configstore.update_variable(*holder, name, data_of(request)))
