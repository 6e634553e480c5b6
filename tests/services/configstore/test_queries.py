"""No call asks the database more often for what is deeper or more: each has its number of queries."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewUser,
    ProjectGroupUpdate,
    ProjectIds,
    ProjectUpdate,
)
from tidemill.contracts.secrets import SecretData, VariableData
from tidemill.contracts.values import ValuesRequest
from tidemill.core.scope import Scope
from tidemill.core.variables import VariableValue
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio

QUERIES = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


class Home:
    """A user with so many groups in one another, and as many of everything in each of them."""

    def __init__(self, store: ConfigstoreService, name: str, size: int) -> None:
        self.store = store
        self.name = name
        self.size = size
        self.path = f"user/{name}"

    async def build(self) -> None:
        await self.store.create_user(NewUser(name=self.name))
        await self.store.create_project_group(NewProjectGroup(name="beside", parent=self.path))
        for _ in range(self.size):
            await self.store.create_project_group(NewProjectGroup(name="g", parent=self.path))
            self.path += "/g"
            for number in range(self.size):
                await self.store.create_project(NewProject(name=f"p{number}", parent=self.path))
                secret = SecretData(name=f"s{number}", data={"k": "v"})
                await self.store.create_secret("project-groups", self.path, secret)
                value = VariableValue(secret_name=f"s{number}", secret_var="k")
                variable = VariableData(name=f"v{number}", values=(value,))
                await self.store.create_variable("project-groups", self.path, variable)

    def calls(self, project: str, group: str, below: ProjectIds) -> dict[str, Callable[[], Awaitable[Any]]]:
        """Everything that could ask more often for more; the last ones change, and delete what there is."""
        store, path, names = self.store, f"{self.path}/p0", tuple(f"v{number}" for number in range(self.size))
        values = ValuesRequest(scope=str(Scope(project=project, ref="refs/heads/main")), names=names)
        root, beside = f"user/{self.name}", f"user/{self.name}/beside"
        return {
            "a project by its path": lambda: store.project(path),
            "a project by its id": lambda: store.project(project),
            "a group by its path": lambda: store.project_group(self.path),
            "a group by its id": lambda: store.project_group(group),
            "the projects of a group": lambda: store.group_projects(self.path),
            "the groups of a group": lambda: store.group_subgroups(root),
            "the projects of a user": lambda: store.user_projects(self.name),
            "all projects below": lambda: store.projects_below(root),
            "secrets": lambda: store.secrets("projects", project, True, True),
            "variables": lambda: store.variables("projects", path, True, True),
            "values": lambda: store.resolve(values),
            "users": store.users,
            "a project renamed": lambda: store.update_project(path, ProjectUpdate(name="renamed")),
            "a project moved": lambda: store.update_project(
                project, ProjectUpdate(parent=beside, name="moved")
            ),
            "a group renamed": lambda: store.update_project_group(self.path, ProjectGroupUpdate(name="h")),
            "a group moved": lambda: store.update_project_group(
                group, ProjectGroupUpdate(parent="user/other")
            ),
            "a project in a group": lambda: store.create_project(NewProject(name="new", parent=beside)),
            "a group deleted": lambda: store.delete_project_group(group, below),
            "a user deleted": lambda: store.delete_user(self.name),
        }


@contextmanager
def counted(found: list[str]) -> Iterator[None]:
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(QUERIES):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_each_call_has_its_number_of_queries(configstore: ConfigstoreService) -> None:
    """Two groups in one another with two of everything in each, or six with six."""
    await configstore.create_user(NewUser(name="other"))
    asked: list[dict[str, int]] = []
    for name, size in (("small", 2), ("large", 6)):
        home = Home(configstore, name, size)
        await home.build()
        project = (await configstore.project(f"{home.path}/p0")).id
        group = (await configstore.project_group(home.path)).id
        below = await configstore.projects_below(home.path)
        numbers = {}
        for what, call in home.calls(project, group, below).items():
            queries: list[str] = []
            with counted(queries):
                await call()
            numbers[what] = len(queries)
        asked.append(numbers)
    assert asked[0] == asked[1]
    assert all(0 < number < 30 for number in asked[0].values())
