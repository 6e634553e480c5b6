"""Somebody who has so many of everything that the public API lists, and where it is found."""

import io
import tarfile
from collections.abc import AsyncIterator
from itertools import count
from typing import cast

import msgspec

from tests.conftest import Clock
from tests.services.gateway.conftest import House, Person, ref
from tests.services.runservice.playing import Player, create, start, task
from tidemill.contracts.organizations import GivenRole, Invitations, NewOrganization, Organizations
from tidemill.contracts.remote_sources import NewRemoteSource, RemoteSources
from tidemill.contracts.sessions import NewSession, Sessions
from tidemill.core.plan import Plan, Retry, RunStep, SaveArtifacts, SaveReports
from tidemill.core.refs import branch, project_group, user_group
from tidemill.core.reports import Reported
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.notification.store import outbox as outbox_store
from tidemill.services.notification.store.outbox import Told
from tidemill.services.runservice.service import RunserviceService

STEPS = (RunStep(name="say", command="true"), SaveArtifacts(), SaveReports())


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Services to fill, and a person with *size* things of each kind, named after *name*."""

    house: House
    configstore: ConfigstoreService
    runservice: RunserviceService
    outbox: Database
    clock: Clock
    name: str
    size: int

    async def build(self) -> tuple[Person, dict[str, str], dict[str, str]]:
        """Who has it all; what stands in paths of projects and everything else; and in those of users."""
        person = await self.house.person(self.name)
        user = (await person.get("/user"))["id"]
        await self._fill_account(user)
        await self._fill_organizations(user)
        project = await self._fill_group(person)
        push = await self._push(person, project)
        await self._tell(project)
        places = {
            "userref": self.name,
            "projectref": ref(f"user/{self.name}/g/p0"),
            "projectgroupref": ref(f"user/{self.name}/g"),
            "orgref": f"{self.name}-0",
            "pushid": push,
            "executorref": f"{self.name}-0",
            "remotesourceref": "builtin",
            "path": "file-0",
        }
        own = await self._run(project_group(project), f"{self.name}-0")
        direct = await self._run(user_group(user), f"{self.name}-direct")
        for number in range(1, self.size):
            await Player(self.runservice, id=f"{self.name}-{number}", slots=1).sync()
        return person, places | own, places | direct

    async def _fill_account(self, user: str) -> None:
        sessions = cast("Sessions", self.configstore.faces()[Sessions])
        sources = cast("RemoteSources", self.configstore.faces()[RemoteSources])
        for number in range(self.size):
            await self._make("/users", {"username": f"{self.name}-{number}"})
            await self._make(f"/users/{self.name}/tokens", {"token_name": f"t{number}"})
            await sessions.create_session(user, NewSession(seconds=3600))
            url = f"https://{self.name}-{number}.example"
            await sources.create_remote_source(
                NewRemoteSource(name=f"{self.name}-{number}", api_url=url, type="gitea", auth_type="password")
            )

    async def _fill_organizations(self, user: str) -> None:
        """Many that they own, the first with many members and invitations; and many that ask them."""
        organizations = cast("Organizations", self.configstore.faces()[Organizations])
        invitations = cast("Invitations", self.configstore.faces()[Invitations])
        first, member = f"{self.name}-0", GivenRole(role="member")
        for number in range(self.size):
            await organizations.create_org(NewOrganization(name=f"{self.name}-{number}", creator=user))
            await organizations.create_org(NewOrganization(name=f"{self.name}-asks-{number}"))
            await invitations.invite(f"{self.name}-asks-{number}", user, member)
            await organizations.set_org_member(first, f"{self.name}-{number}", member)
            await self._make("/users", {"username": f"{self.name}-asked-{number}"})
            await invitations.invite(first, f"{self.name}-asked-{number}", member)
        await self._make("/users", {"username": f"{self.name}-asked"})
        await invitations.invite(first, f"{self.name}-asked", member)

    async def _fill_group(self, person: Person) -> str:
        """A group of many groups and projects, with many secrets and variables; the first project's id."""
        group = f"user/{self.name}/g"
        await self._make(
            "/projectgroups", {"name": "g", "parent_ref": f"user/{self.name}", "visibility": "public"}, person
        )
        for number in range(self.size):
            await self._make(
                "/projectgroups", {"name": f"g{number}", "parent_ref": group, "visibility": "public"}, person
            )
            project = {"name": f"p{number}", "parent_ref": group, "remote_source_name": "builtin"}
            await self._make("/projects", project | {"visibility": "public"}, person)
            for holder in (f"/projectgroups/{ref(group)}", f"/projects/{ref(f'{group}/p0')}"):
                secret = {"name": f"s{number}", "type": "internal", "data": {"k": "v"}}
                await self._make(f"{holder}/secrets", secret, person)
                value = {"secret_name": f"s{number}", "secret_var": "k"}
                await self._make(f"{holder}/variables", {"name": f"v{number}", "values": [value]}, person)
        return str((await person.get(f"/projects/{ref(f'{group}/p0')}"))["id"])

    async def _make(self, path: str, body: object, person: Person | None = None) -> None:
        answer = await (person or self.house.admin).ask("POST", path, body)
        assert answer.status_code == 201, f"{path}: {answer.text}"

    async def _push(self, person: Person, project: str) -> str:
        """Many pushes, the last one of many refs; its id."""
        for _ in range(self.size - 1):
            await self.house.push(project, "refs/heads/main")
        await self.house.push(project, *(f"refs/heads/b{number}" for number in range(self.size)))
        newest = (await person.get(f"/projects/{project}/pushes"))["pushes"][0]
        return str(newest["id"])

    async def _tell(self, project: str) -> None:
        """Many deliveries of what is told of runs."""
        numbers = count()
        ids = iter(lambda: f"{self.name} {next(numbers)}", "")
        news = [
            Told(project=project, run=f"{self.name} {n}", phase="queued", result="unknown", payload=b"{}")
            for n in range(self.size)
        ]
        now = self.clock()
        await self.outbox.do(lambda tx: outbox_store.tell(tx, news, "one", now, ids))

    async def _run(self, counted: str, executor: str) -> dict[str, str]:
        """A run of many tasks at work, with many parts of a log, reports, files and caches; where it is."""
        group = branch("work").group_in(counted)
        tasks = [task(f"t{number}", steps=STEPS, retry=Retry(attempts=2)) for number in range(self.size)]
        (run,) = await create(self.runservice, Plan(name="run", tasks=tuple(tasks)), group=group)
        await start(self.runservice, run.id, group)
        player = Player(self.runservice, id=executor, slots=self.size)
        jobs = await player.take()
        assert len(jobs) == self.size
        for job in jobs:
            generation = player.specs[job].generation
            await self.runservice.save_reports(job, generation, 2, Reported(tests=1))
            files = self.size if job == jobs[0] else 1
            await self.runservice.save_artifacts(job, generation, 1, _archive(files))
            await self.runservice.save_cache(job, generation, f"cache of {job}", _archive(1))
        for number in range(self.size):
            generation = player.specs[jobs[0]].generation
            await self.runservice.append_log(jobs[0], generation, 0, 5 * number, b"line\n")
        return {"runnumber": str(run.number), "taskid": str(player.specs[jobs[0]].task_id)}


async def _archive(files: int) -> AsyncIterator[bytes]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(files):
            info = tarfile.TarInfo(f"file-{number}")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"files"))
    yield out.getvalue()
