"""Test reports through the whole system, from a push to the command line."""

import json

from tests.cli.conftest import completed
from tests.system.server import Server, Work

HOST = {"type": "host"}
REPORT = (
    '<testsuite name="s"><testcase name="good"/><testcase classname="c" name="bad" time="1">'
    '<failure message="1 != 2">here \033[31m</failure></testcase><testcase name="x"><skipped/></testcase></testsuite>'
).replace("\033", "&#9;")


def test_tests_are_told_of(work: Work, server: Server) -> None:
    """By the API and by the command line; a report that is none is a warning; strangers see nothing."""
    steps = [
        {"clone": {}},
        {"reports": {"junit": ["out/*.xml"]}, "always": True},
    ]
    tasks = [{"name": "test", "runtime": HOST, "steps": steps}]
    files = {
        ".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]}),
        "out/a.xml": REPORT,
        "out/b.xml": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuite name="&e;"/>',
    }
    work.commit(files)
    work.push()
    assert work.project.finished(1)["result"] == "success", work.project.log(1, "test", 1)
    log = work.project.log(1, "test", 1)
    assert b"warning: out/b.xml: it has a document type" in log
    assert log.endswith(b"3 tests: 1 failed, 1 skipped\n")
    user, path = work.project.user, f"{work.project.ref}/runs/1/tests"
    found = user.get(path)
    assert (found["tests"], found["failures"], found["skipped"]) == (3, 1, 1)
    (step,) = found["steps"]
    assert (step["task_name"], step["step"], step["seconds"]) == ("test", 1, 1.0)
    (failed,) = step["failed"]
    assert (failed["classname"], failed["name"], failed["message"]) == ("c", "bad", "1 != 2")
    environment = {"TIDEMILL_GATEWAY_URL": server.url, "TIDEMILL_TOKEN": user.token}
    answer = completed("run", "tests", work.project.path, "1", environment=environment)
    assert answer.code == 1, answer.err
    assert "test: c: bad\n  1 != 2\n  here" in answer.out
    assert server.user("mallory").request("GET", path).status_code in (403, 404)
