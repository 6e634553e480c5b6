"""The audit log and deliveries, asked for from the command line."""

import json

from tests.cli.conftest import Tidemill
from tests.cli.recorder import Asked, recording
from tests.system.server import User


def test_an_owner_sees_what_was_done(as_alice: User, tidemill: Tidemill) -> None:
    """Of a project, filtered; the whole log is for administrators, which owners are told."""
    path = as_alice.project("audited").path
    (entry,) = json.loads(
        tidemill("audit", "--project", path, "--action", "project.create", "-o", "json").out
    )
    assert (entry["actor_name"], entry["path"]) == ("alice", path)
    heading, row = tidemill("audit", "--project", path, "--action", "project.create").out.splitlines()
    assert heading.split() == ["TIME", "WHO", "VIA", "FROM", "ACTION", "WHAT", "FIELDS"]
    assert " alice " in row
    assert tidemill("audit").complaint.endswith("owners name --project or --org")
    assert tidemill("audit", "--project", "a", "--org", "b").code == 2


def test_deliveries_are_listed_and_made_again(tidemill: Tidemill) -> None:
    """Newest first, over pages, of a status; one of them is delivered once more."""
    one = {
        "id": "d1",
        "sequence": 1,
        "delivery_status": "deliveryError",
        "delivered_at": None,
        "status_code": 500,
    }
    place = "/projects/p1/runwebhookdeliveries"
    first = f"GET {place}?deliverystatus=deliveryError&limit=3&sortdirection=desc"
    more = f"GET {place}?cursor=next&limit=2"
    with recording({first: ([one], "next"), more: [one]}) as recorder:
        words = ("--status", "deliveryError", "--limit", "3", "-o", "json", "-u", recorder.url)
        listed = json.loads(tidemill("delivery", "list", "p1", *words).out)
        again = tidemill("delivery", "redeliver", "p1", "d1", "-u", recorder.url)
    assert [found["id"] for found in listed] == ["d1", "d1"]
    assert (again.code, again.out) == (0, "")
    assert recorder.asked == [Asked(first), Asked(more), Asked(f"PUT {place}/d1/redelivery")]
