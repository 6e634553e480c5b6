"""Every command of Agola's client: which calls it makes, and what it prints (reference, section 5.2)."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import Tidemill
from tests.cli.recorder import Asked, recording
from tidemill import __version__

USER = {"id": "u1", "username": "alice"}
LISTED_USER = {**USER, "tokens": [], "linked_accounts": []}
ORG = {"id": "o1", "name": "acme", "visibility": "public"}
PROJECT = {"id": "p1", "name": "hello", "path": "org/acme/hello"}
GROUP = {
    "id": "g1",
    "name": "tools",
    "path": "org/acme/tools",
    "parent_path": "org/acme",
    "visibility": "public",
    "global_visibility": "public",
}
SOURCE = {
    "id": "r1",
    "name": "forge",
    "auth_type": "oauth2",
    "registration_enabled": True,
    "login_enabled": True,
}
SECRET = {"id": "s1", "name": "deploy", "parent_path": "org/acme"}
VARIABLE = {"id": "v1", "name": "TOKEN", "values": [], "parent_path": "org/acme"}
MEMBER = {"user": USER, "role": "owner"}
TIMES = {"enqueue_time": None, "start_time": None, "end_time": None}
RUN = {
    "number": 7,
    "name": "main",
    "annotations": {},
    "phase": "finished",
    "result": "success",
    "tasks_waiting_approval": [],
    **TIMES,
}
TASK = {
    "id": "t1",
    "name": "build",
    "status": "success",
    "timedout": False,
    "waiting_approval": False,
    "approved": False,
    "approval_annotations": None,
    "start_time": None,
    "end_time": None,
    "task_timeout_interval": 0,
}
WHOLE_RUN = {
    **RUN,
    "setup_errors": None,
    "stopping": False,
    "tasks": {
        "t2": {**TASK, "id": "t2", "name": "after", "level": 1, "depends": {}},
        "t1": {**TASK, "level": 0, "depends": {}},
    },
    "can_restart_from_scratch": True,
    "can_restart_from_failed_tasks": False,
}
STEP = {
    "phase": "success",
    "type": "run",
    "name": "make",
    "command": "make",
    "shell": "",
    "exit_status": 0,
    "start_time": None,
    "end_time": None,
    "log_archived": True,
}
CLONE = {**STEP, "type": "clone", "name": "clone", "exit_status": None}
SETUP = {"phase": "success", "name": "setup", "start_time": None, "end_time": None}
WHOLE_TASK = {**TASK, "containers": [], "setup_step": SETUP, "steps": [CLONE, STEP]}

P = "/projects/org%2Facme%2Fhello"
G = "/projectgroups/org%2Facme"
WHEN = {"branch": {"include": [{"type": "simple", "match": "main"}]}}
PHASES = "phase=finished&phase=queued&phase=running"
FILES = {
    "data.yml": "token: hidden\n",
    "values.yml": "- {secret_name: deploy, secret_var: token, when: {branch: main}}\n",
}
DATA = {"type": "internal", "data": {"token": "hidden"}}
VALUES = [{"secret_name": "deploy", "secret_var": "token", "when": WHEN}]


class Case(NamedTuple):
    """A command line, the calls that it makes with what is answered, and what it prints."""

    line: str
    calls: list[tuple[str, Any, Any]]
    """Method and path, body, answer (and cursor)."""
    out: str = ""

    def __str__(self) -> str:
        return self.line


def _secrets(kind: str, place: str, ref: str) -> list[Case]:
    of = f"{kind} secret"
    where = f"--{kind} {ref}"
    made, one = f"{place}/secrets", f"{place}/secrets/deploy"
    listed = '[\n\t{\n\t\t"id": "s1",\n\t\t"name": "deploy",\n\t\t"parent_path": "org/acme"\n\t}\n]\n'
    return [
        Case(
            f"{of} create {where} -n deploy -f data.yml",
            [(f"POST {made}", {"name": "deploy", **DATA}, SECRET)],
        ),
        Case(f"{of} delete {where} --name deploy", [(f"DELETE {one}", None, None)]),
        Case(
            f"{of} list {where}",
            [(f"GET {made}", None, []), (f"GET {made}?removeoverridden=&tree=", None, [SECRET])],
            f"{kind} secrets:\n[]\nAll secrets (local and inherited):\n{listed}",
        ),
        Case(
            f"{of} update {where} -n deploy -f data.yml", [(f"PUT {one}", {"name": "deploy", **DATA}, SECRET)]
        ),
        Case(
            f"{of} update {where} -n deploy --new-name ship --file data.yml",
            [(f"PUT {one}", {"name": "ship", **DATA}, SECRET)],
        ),
    ]


def _variables(kind: str, place: str, ref: str) -> list[Case]:
    of = f"{kind} variable"
    where = f"--{kind} {ref}"
    made, one = f"{place}/variables", f"{place}/variables/TOKEN"
    body = {"name": "TOKEN", "values": VALUES}
    listed = '[\n\t{\n\t\t"id": "v1",\n\t\t"name": "TOKEN",\n\t\t"values": [],\n\t\t"parent_path": "org/acme"\n\t}\n]\n'
    return [
        Case(f"{of} create {where} -n TOKEN -f values.yml", [(f"POST {made}", body, VARIABLE)]),
        Case(f"{of} delete {where} --name TOKEN", [(f"DELETE {one}", None, None)]),
        Case(
            f"{of} list {where}",
            [(f"GET {made}", None, [VARIABLE]), (f"GET {made}?removeoverridden=&tree=", None, [])],
            f"{kind} variables:\n{listed}All variables (local and inherited):\n[]\n",
        ),
        Case(
            f"{of} update {where} -n TOKEN --new-name KEY -f values.yml",
            [(f"PUT {one}", {**body, "name": "KEY"}, VARIABLE)],
        ),
    ]


CASES = [
    Case("org create -n acme", [("POST /orgs", {"name": "acme", "visibility": "public"}, ORG)]),
    Case(
        "org create --name acme --visibility private",
        [("POST /orgs", {"name": "acme", "visibility": "private"}, ORG)],
    ),
    Case("org delete -n acme", [("DELETE /orgs/acme", None, None)]),
    Case(
        "org member add -n acme --username alice",
        [("PUT /orgs/acme/members/alice", {"role": "member"}, {"organization": ORG, **MEMBER})],
    ),
    Case(
        "org member add --orgname acme --username alice -r owner",
        [("PUT /orgs/acme/members/alice", {"role": "owner"}, {"organization": ORG, **MEMBER})],
    ),
    Case(
        "org member list -n acme",
        [
            ("GET /orgs/acme/members", None, ({"organization": ORG, "members": [MEMBER]}, "next")),
            ("GET /orgs/acme/members?cursor=next", None, {"organization": ORG, "members": [MEMBER]}),
        ],
        '{\n\t"user": {\n\t\t"id": "u1",\n\t\t"username": "alice"\n\t},\n\t"role": "owner"\n}' * 2,
    ),
    Case("org member remove -n acme --username alice", [("DELETE /orgs/acme/members/alice", None, None)]),
    Case(
        "project create -n hello --parent org/acme --repo-path acme/hello --remote-source forge",
        [
            (
                "POST /projects",
                {
                    "name": "hello",
                    "parent_ref": "org/acme",
                    "visibility": "public",
                    "repo_path": "acme/hello",
                    "remote_source_name": "forge",
                    "skip_ssh_host_key_check": False,
                    "pass_vars_to_forked_pr": False,
                    "members_can_perform_run_actions": False,
                },
                PROJECT,
            )
        ],
    ),
    Case(
        "project create --name hello --parent org/acme --repo-path acme/hello --remote-source forge "
        "-s --visibility private --pass-vars-to-forked-pr",
        [
            (
                "POST /projects",
                {
                    "name": "hello",
                    "parent_ref": "org/acme",
                    "visibility": "private",
                    "repo_path": "acme/hello",
                    "remote_source_name": "forge",
                    "skip_ssh_host_key_check": True,
                    "pass_vars_to_forked_pr": True,
                    "members_can_perform_run_actions": False,
                },
                PROJECT,
            )
        ],
    ),
    Case("project delete --ref org/acme/hello", [(f"DELETE {P}", None, None)]),
    Case("project list --parent org/acme", [(f"GET {G}/projects", None, [PROJECT])], "p1: Name: hello\n"),
    Case("project reconfig -n org/acme/hello", [(f"PUT {P}/reconfig", None, None)]),
    Case("project update --ref org/acme/hello -n other", [(f"PUT {P}", {"name": "other"}, PROJECT)]),
    Case(
        "project update --ref org/acme/hello --parent user/alice --visibility private "
        "--pass-vars-to-forked-pr=false",
        [
            (
                f"PUT {P}",
                {"parent_ref": "user/alice", "visibility": "private", "pass_vars_to_forked_pr": False},
                PROJECT,
            )
        ],
    ),
    *_secrets("project", P, "org/acme/hello"),
    *_variables("project", P, "org/acme/hello"),
    Case(
        "projectgroup create -n tools --parent org/acme",
        [("POST /projectgroups", {"name": "tools", "parent_ref": "org/acme", "visibility": "public"}, GROUP)],
    ),
    Case("projectgroup delete --ref org/acme", [(f"DELETE {G}", None, None)]),
    Case(
        "projectgroup update --ref org/acme -n other --parent user/alice --visibility private",
        [(f"PUT {G}", {"name": "other", "parent_ref": "user/alice", "visibility": "private"}, GROUP)],
    ),
    *_secrets("projectgroup", G, "org/acme"),
    *_variables("projectgroup", G, "org/acme"),
    Case(
        "remotesource create -n forge --type gitea --auth-type oauth2 --api-url https://forge.example "
        "--skip-verify --clientid id --secret hidden --ssh-host-key key -s --registration-enabled=false "
        "--login-enabled=false",
        [
            (
                "POST /remotesources",
                {
                    "name": "forge",
                    "apiurl": "https://forge.example",
                    "type": "gitea",
                    "auth_type": "oauth2",
                    "skip_verify": True,
                    "oauth_2_client_id": "id",
                    "oauth_2_client_secret": "hidden",
                    "ssh_host_key": "key",
                    "skip_ssh_host_key_check": True,
                    "registration_enabled": False,
                    "login_enabled": False,
                },
                SOURCE,
            )
        ],
    ),
    Case(
        "remotesource list",
        [
            ("GET /remotesources", None, ([SOURCE], "next")),
            ("GET /remotesources?cursor=next", None, [SOURCE]),
        ],
        "r1: Name: forge\n" * 2,
    ),
    Case(
        "remotesource update --ref forge --new-name other --api-url https://o.example --skip-verify "
        "--clientid id --secret hidden --ssh-host-key key -s --registration-enabled=false --login-enabled",
        [
            (
                "PUT /remotesources/forge",
                {
                    "name": "other",
                    "apiurl": "https://o.example",
                    "skip_verify": True,
                    "oauth_2_client_id": "id",
                    "oauth_2_client_secret": "hidden",
                    "ssh_host_key": "key",
                    "skip_ssh_host_key_check": True,
                    "registration_enabled": False,
                    "login_enabled": True,
                },
                SOURCE,
            )
        ],
    ),
    Case(
        "run create --project org/acme/hello --branch main --commit-sha abc",
        [
            (
                f"POST {P}/createrun",
                {"branch": "main", "tag": "", "ref": "", "commit_sha": "abc"},
                None,
            )
        ],
    ),
    Case(
        "run list --project org/acme/hello",
        [
            (f"GET {P}/runs?limit=10&sortdirection=desc", None, [RUN]),
            (f"GET {P}/runs/7", None, WHOLE_RUN),
            (f"GET {P}/runs/7/tasks/t1", None, WHOLE_TASK),
            (f"GET {P}/runs/7/tasks/t2", None, {**WHOLE_TASK, "steps": []}),
        ],
        "7: Phase: finished, Result: success\n"
        "\tTaskName: build, TaskID: t1, Status: success\n"
        "\t\tStep: 0, Name: clone, Type: clone, Phase: success\n"
        "\t\tStep: 1, Name: make, Type: run, Phase: success, ExitStatus: 0\n"
        "\tTaskName: after, TaskID: t2, Status: success\n",
    ),
    Case(
        "run list --username alice -s finished,queued --phase running --limit 3 --start 9",
        [
            (
                f"GET /users/alice/runs?limit=3&{PHASES}&sortdirection=desc&start=9",
                None,
                ([RUN], "next"),
            ),
            ("GET /users/alice/runs?cursor=next&limit=2", None, []),
            ("GET /users/alice/runs/7", None, {**WHOLE_RUN, "tasks": {}}),
        ],
        "7: Phase: finished, Result: success\n",
    ),
    Case(
        "log get --project org/acme/hello --runnumber 7 --taskname build --step 1",
        [
            (f"GET {P}/runs/7", None, WHOLE_RUN),
            (f"GET {P}/runs/7/tasks/t1/logs?step=1", None, b"made\n"),
        ],
        "made\n",
    ),
    Case(
        "log get --username alice --runnumber 7 --taskid t1 --setup --follow",
        [("GET /users/alice/runs/7/tasks/t1/logs?follow=&setup=", None, b"made\n")],
        "made\n",
    ),
    Case(
        "log get --project org/acme/hello --runnumber 7 --taskid t1 --step 0 --output log.txt",
        [(f"GET {P}/runs/7/tasks/t1/logs?step=0", None, b"made\n")],
    ),
    Case(
        "log delete --project org/acme/hello --runnumber 7 --taskname build --step 1",
        [
            (f"GET {P}/runs/7", None, WHOLE_RUN),
            (f"DELETE {P}/runs/7/tasks/t1/logs?step=1", None, None),
        ],
    ),
    Case(
        "log delete --username alice --runnumber 7 --taskid t1 --setup",
        [("DELETE /users/alice/runs/7/tasks/t1/logs?setup=", None, None)],
    ),
    Case("user create -n alice", [("POST /users", {"username": "alice"}, USER)]),
    Case("user delete --username alice", [("DELETE /users/alice", None, None)]),
    Case(
        "user list",
        [
            ("GET /users", None, ([LISTED_USER], "next")),
            ("GET /users?cursor=next", None, [LISTED_USER]),
        ],
        "u1: Name: alice\n" * 2,
    ),
    Case(
        "user linkedaccount create -n alice -r forge --remote-name al --remote-password hidden",
        [
            (
                "POST /users/alice/linkedaccounts",
                {
                    "remote_source_name": "forge",
                    "remote_source_login_name": "al",
                    "remote_source_login_password": "hidden",
                },
                {"linked_account": {"id": "l1"}, "oauth2_redirect": ""},
            )
        ],
    ),
    Case(
        "user linkedaccount delete --username alice --laid l1",
        [("DELETE /users/alice/linkedaccounts/l1", None, None)],
    ),
    Case(
        "user token create -n alice -t laptop",
        [("POST /users/alice/tokens", {"token_name": "laptop"}, {"token": "abc"})],
        "abc\n",
    ),
    Case(
        "user token delete --username alice --tokenname laptop",
        [("DELETE /users/alice/tokens/laptop", None, None)],
    ),
    Case(
        "version",
        [("GET /version", None, {"service": "gateway", "version": "1.2"})],
        f"Gateway version:\t1.2\nClient version: \t{__version__}\n",
    ),
]


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_command_of_agola(tidemill: Tidemill, case: Case) -> None:
    """It is taken, asks exactly what Agola's client asks, and prints what that prints."""
    with recording({call: answer for call, _, answer in case.calls}) as recorder:
        answer = tidemill(*case.line.split(), "--gateway-url", recorder.url, "--token", "abc")
    assert (answer.code, answer.out) == (0, case.out), answer.err
    assert recorder.asked == [Asked(call, body) for call, body, _ in case.calls]
    assert recorder.tokens == {"token abc"}


@pytest.mark.parametrize(
    "options",
    ["-u URL --token abc", "--gateway-url=URL --token=abc", "-d --detailed-errors -u URL --token abc"],
)
def test_global_options_may_stand_first(tidemill: Tidemill, options: str) -> None:
    """As Agola's client takes them, before the command."""
    with recording({"DELETE /orgs/acme": None}) as recorder:
        answer = tidemill(*options.replace("URL", recorder.url).split(), "org", "delete", "-n", "acme")
    assert (answer.code, answer.out) == (0, "")
    assert recorder.asked == [Asked("DELETE /orgs/acme")]
    assert ("DELETE http" in answer.err) == ("-d" in options.split())


@pytest.mark.usefixtures("_files")
def test_a_log_goes_into_a_file(tidemill: Tidemill, tmp_path: Path) -> None:
    """`--output FILE` of a log is a file, not a form."""
    with recording({"GET /projects/p1/runs/7/tasks/t1/logs?step=0": b"made\n"}) as recorder:
        line = f"log get --project p1 --runnumber 7 --taskid t1 --step 0 -u {recorder.url} --output"
        answer = tidemill(*line.split(), "log.txt")
    assert answer == (0, "", "")
    assert (tmp_path / "log.txt").read_bytes() == b"made\n"
    assert tidemill(*line.split(), "json").code == 2
