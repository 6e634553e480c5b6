"""Files of tasks through the whole system: to the tasks behind, and to later runs."""

import json
from pathlib import Path
from typing import Any

from tests.system.server import Server, Work

HOST = {"type": "host"}
LARGE = 150_000_000

CONFIG = {
    "runs": [
        {
            "name": "run",
            "tasks": [
                {
                    "name": "build",
                    "runtime": HOST,
                    "steps": [
                        {"clone": {}},
                        {
                            "restore_cache": {
                                "keys": ['deps-{{ sha256sum "lock" }}', "deps-"],
                                "dest_dir": "deps",
                            }
                        },
                        {"run": "test -e deps/tool || (mkdir -p deps; echo made > deps/tool; echo was made)"},
                        {
                            "save_cache": {
                                "key": 'deps-{{ sha256sum "lock" }}',
                                "contents": [{"source_dir": "deps"}],
                            }
                        },
                        {
                            "run": "mkdir -p out/bin; cp deps/tool out/bin; chmod 755 out/bin/tool; ln -s bin/tool out/t"
                        },
                        {
                            "save_to_workspace": {
                                "contents": [{"source_dir": "out", "dest_dir": "built", "paths": ["**"]}]
                            }
                        },
                    ],
                },
                {
                    "name": "test",
                    "runtime": HOST,
                    "depends": ["build"],
                    "steps": [
                        {"restore_workspace": {"dest_dir": "."}},
                        {"run": {"command": "cat built/t; stat -c %a built/bin/tool", "tty": False}},
                    ],
                },
            ],
        }
    ]
}


def test_files_go_from_task_to_task_and_from_run_to_run(work: Work) -> None:
    """A workspace brings them to the next task; the second run finds in the cache what the first has made."""
    work.commit({".tidemill/config.yml": json.dumps(CONFIG), "lock": "1\n"})
    work.push()
    first = work.project.finished(1)
    assert first["result"] == "success", work.project.log(1, "build", 5)
    assert work.project.log(1, "test", 1) == b"made\n755\n"
    assert b"there is no such cache" in work.project.log(1, "build", 1)
    assert b"was made" in work.project.log(1, "build", 2)
    assert b"saved: " in work.project.log(1, "build", 3)
    work.commit({"other": "2\n"})
    work.push()
    assert work.project.finished(2)["result"] == "success"
    assert b": found\n" in work.project.log(2, "build", 1)
    assert work.project.log(2, "build", 2) == b""
    assert b"there is a cache of this key already" in work.project.log(2, "build", 3)
    assert work.project.log(2, "test", 1) == b"made\n755\n"


def test_a_restore_falls_back_to_the_latest_of_a_prefix(work: Work) -> None:
    """Another lock file, another key: what an earlier run has kept is a beginning."""
    work.commit({".tidemill/config.yml": json.dumps(CONFIG), "lock": "1\n"})
    work.push()
    assert work.project.finished(1)["result"] == "success"
    work.commit({"lock": "2\n"})
    work.push()
    assert work.project.finished(2)["result"] == "success"
    said = work.project.log(2, "build", 1)
    assert b"key: deps-: found deps-4355a46b" in said
    assert work.project.log(2, "build", 2) == b""
    assert b"saved: " in work.project.log(2, "build", 3)


def test_always_steps_and_limits_through_the_server(work: Work) -> None:
    """A step's own limit ends it, an always step follows, and an ignored failure is shown as one."""
    steps = [
        {"run": {"command": "exit 3", "ignore_failure": True}},
        {"run": {"command": "sleep 60", "timeout": "300ms"}},
        {"run": "echo never"},
        {"run": {"command": "echo tidy", "always": True, "tty": False}},
    ]
    config = {"runs": [{"name": "run", "tasks": [{"name": "task", "runtime": HOST, "steps": steps}]}]}
    work.commit({".tidemill/config.yml": json.dumps(config)})
    work.push()
    run = work.project.finished(1)
    assert run["result"] == "failed"
    (task,) = run["tasks"].values()
    assert task["reason"] == "step 2: the step's time limit of 0.3 s is over"
    detail = work.project.user.get(f"{work.project.ref}/runs/1/tasks/{task['id']}")
    assert [step["phase"] for step in detail["steps"]] == ["failed", "failed", "notstarted", "success"]
    assert work.project.log(1, "task", 3) == b"tidy\n"
    assert b"the step's time limit of 0.3 s is over" in work.project.log(1, "task", 1)


def test_files_travel_between_processes(tmp_path: Path) -> None:
    """An executor elsewhere brings and fetches them over HTTP, large ones too, in constant memory."""
    token = {"TIDEMILL_SERVICE_TOKEN": "between-services"}
    server = Server(
        tmp_path / "data", components="configstore,runservice,gitserver,gateway,scheduler", environment=token
    ).start()
    executor = Server(
        tmp_path / "executor",
        components="executor",
        environment=token | {"TIDEMILL_RUNSERVICE_URL": server.url},
    ).start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        make = {"run": {"command": f"head -c {LARGE} /dev/urandom > big; sha256sum big", "tty": False}}
        check = {"run": {"command": "sha256sum big", "tty": False}}
        tasks = [
            {"name": "a", "runtime": HOST, "steps": [make, save("big")]},
            {"name": "b", "runtime": HOST, "depends": ["a"], "steps": [{"restore_workspace": {}}, check]},
        ]
        work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})})
        work.push()
        assert work.project.finished(1)["result"] == "success"
        assert work.project.log(1, "b", 1) == work.project.log(1, "a", 0)
        assert max(peak(server), peak(executor)) < 200_000_000
    finally:
        executor.stop()
        server.stop()


def test_a_killed_server_goes_on_with_files(tmp_path: Path) -> None:
    """Killed while it brings files to the store, it brings them again: whole, and said once."""
    server = Server(tmp_path / "data").start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        make = {"run": {"command": f"head -c {LARGE} /dev/urandom > big; sha256sum big", "tty": False}}
        check = {"run": {"command": "sha256sum big", "tty": False}}
        tasks = [
            {"name": "a", "runtime": HOST, "steps": [make, save("big"), {"run": "echo after"}]},
            {"name": "b", "runtime": HOST, "depends": ["a"], "steps": [{"restore_workspace": {}}, check]},
        ]
        work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})})
        work.push()
        for block in work.project.log_blocks(1, "a", 1):
            if b"1 file" in block:
                server.kill()
                break
        server.start()
        assert work.project.finished(1)["result"] == "success"
        said = work.project.log(1, "a", 1).decode().splitlines()
        assert [line.partition(":")[0] for line in said] == [
            ".",
            "kept for the tasks that depend on this one",
        ]
        assert work.project.log(1, "b", 1) == work.project.log(1, "a", 0)
    finally:
        server.stop()


def save(*paths: str) -> dict[str, Any]:
    """A step that keeps files of the working directory."""
    return {"save_to_workspace": {"contents": [{"source_dir": ".", "paths": list(paths)}]}}


def peak(server: Server) -> int:
    """The most memory that a server has ever had, in bytes."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
