"""Groups and projects against a model of them: after every step all are where their names say."""

import random
from typing import Any

import pytest

from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewUser,
    ProjectGroupUpdate,
    ProjectUpdate,
)
from tidemill.errors import Failure
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio

NAMES = ("a", "b", "c")
STEPS = 150
REFUSALS = ("projectAlreadyExists", "projectGroupAlreadyExists", "invalidProjectGroupName", "badRequest")


class Node:
    """A group or project of the model."""

    def __init__(self, id: str, name: str, parent: "Node | None", *, is_group: bool) -> None:
        self.id = id
        self.name = name
        self.parent = parent
        self.is_group = is_group
        self.is_private = False

    @property
    def path(self) -> str:
        return f"{self.parent.path}/{self.name}" if self.parent else self.name

    def above(self) -> "list[Node]":
        return [self, *(self.parent.above() if self.parent else ())]


class Model:
    """What there should be, and the outcome that each step should have."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def groups(self) -> list[Node]:
        return [node for node in self.nodes if node.is_group]

    def is_free(self, parent: Node | None, name: str, node: Node | None, *, is_group: bool) -> bool:
        return not any(
            one.parent is parent and one.name == name and one.is_group == is_group and one is not node
            for one in self.nodes
        )

    def may_move(self, node: Node, parent: Node, name: str) -> bool:
        if node.parent is None or (node.is_group and node in parent.above()):
            return False
        return self.is_free(parent, name, node, is_group=node.is_group)


class Walk:
    """Random steps, each taken in the store and in the model."""

    def __init__(self, store: ConfigstoreService, seed: int) -> None:
        self.store = store
        self.model = Model()
        self.random = random.Random(seed)

    async def begin(self) -> None:
        for name in ("alice", "bob"):
            await self.store.create_user(NewUser(name=name))
            root = await self.store.project_group(f"user/{name}")
            self.model.nodes.append(Node(root.id, root.path, None, is_group=True))

    async def step(self) -> None:
        await self.random.choice((self.add, self.add, self.move, self.move, self.hide, self.remove))()

    async def add(self) -> None:
        parent, name = self.random.choice(self.model.groups()), self.random.choice(NAMES)
        is_group = self.random.random() < 0.6
        request: Any = (NewProjectGroup if is_group else NewProject)(name=name, parent=parent.id)
        create: Any = self.store.create_project_group if is_group else self.store.create_project
        made = await outcome(create(request))
        assert (made is not None) == self.model.is_free(parent, name, None, is_group=is_group)
        if made is not None:
            self.model.nodes.append(Node(made.id, name, parent, is_group=is_group))

    async def move(self) -> None:
        node, parent = self.random.choice(self.model.nodes), self.random.choice(self.model.groups())
        name = self.random.choice((None, *NAMES))
        change: Any = (ProjectGroupUpdate if node.is_group else ProjectUpdate)(name=name, parent=parent.path)
        update: Any = self.store.update_project_group if node.is_group else self.store.update_project
        moved = await outcome(update(node.id, change))
        may = self.model.may_move(node, parent, name or node.name)
        assert (moved is not None) == may, (node.path, parent.path, name)
        if may:
            node.parent, node.name = parent, name or node.name

    async def hide(self) -> None:
        node = self.random.choice(self.model.nodes)
        visibility = self.random.choice(("public", "private"))
        change: Any = (ProjectGroupUpdate if node.is_group else ProjectUpdate)(visibility=visibility)
        update: Any = self.store.update_project_group if node.is_group else self.store.update_project
        await update(node.path, change)
        node.is_private = visibility == "private"

    async def remove(self) -> None:
        node = self.random.choice(self.model.nodes)
        if self.random.random() < 0.6 or node.parent is None:
            return
        if node.is_group:
            below = await self.store.projects_below(node.path)
            await self.store.delete_project_group(node.path, below)
        else:
            await self.store.delete_project(node.path)
        self.model.nodes = [one for one in self.model.nodes if node not in one.above()]

    async def check(self) -> None:
        """By id and by path, with what is inherited; and nothing else is there."""
        for node in self.model.nodes:
            find: Any = self.store.project_group if node.is_group else self.store.project
            found = await find(node.id)
            assert found == await find(node.path)
            assert found.path == node.path
            is_private = any(one.is_private for one in node.above())
            assert (found.global_visibility == "private") == is_private
        for node in self.model.groups():
            inside = [one for one in self.model.nodes if one.parent is node]
            groups = (await self.store.group_subgroups(node.id)).groups
            assert [one.name for one in groups] == sorted(one.name for one in inside if one.is_group)
            projects = (await self.store.group_projects(node.id)).projects
            assert [one.name for one in projects] == sorted(one.name for one in inside if not one.is_group)


async def outcome(call: Any) -> Any:
    """What a call answers; None when it is refused as a name that is taken, or as a place that cannot be."""
    try:
        return await call
    except Failure as error:
        if error.code in REFUSALS:
            return None
        raise


async def test_everything_is_where_its_names_say(configstore: ConfigstoreService) -> None:
    """After each tenth of many random steps; the seed is fixed, so that a failure can be had again."""
    walk = Walk(configstore, seed=5)
    await walk.begin()
    for number in range(STEPS):
        await walk.step()
        if number % (STEPS // 10) == 0:
            await walk.check()
    await walk.check()
    assert len(walk.model.nodes) > 5
