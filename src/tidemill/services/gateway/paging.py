"""Lists in pages: parameters and cursors as the reference has them (API 1.4)."""

import binascii
import re
from base64 import b64decode, b64encode
from typing import TypeVar

import msgspec

from tidemill.contracts.gateway.deliveries import DeliveriesQuery
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.runs import RunsQuery
from tidemill.contracts.notification import DeliveryStatus
from tidemill.core.names import is_valid_name
from tidemill.errors import BadRequest, Failure

C = TypeVar("C", bound=msgspec.Struct)

LONGEST_PAGE = 30
#: Larger than any number that we give, and as large as a database can hold.
LARGEST_NUMBER = 2**63 - 1

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9]{1,30}", re.ASCII)


class NamesCursor(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Where a list by name goes on."""

    start: str
    sort_direction: str


class RunsCursor(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Where a list of runs goes on, with the filters that it began with."""

    start_run_counter: int
    sort_direction: str
    sub_group: str = ""
    phase_filter: tuple[str, ...] | None = None
    result_filter: tuple[str, ...] | None = None


class DeliveriesCursor(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Where a list of deliveries goes on, with the filter that it began with."""

    start_sequence: int
    sort_direction: str
    delivery_status_filter: tuple[str, ...] | None = None


class NamesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which names are wanted."""

    after: str
    limit: int
    """0 is no limit."""
    ascending: bool

    def cursor(self, last: str) -> str:
        """The cursor of the page behind *last*; "" for none."""
        return write_cursor(NamesCursor(start=last, sort_direction=direction(self.ascending))) if last else ""


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are wanted."""

    after: int | None
    limit: int
    """0 is no limit."""
    ascending: bool
    subgroup: str
    phases: tuple[str, ...]
    results: tuple[str, ...]

    def cursor(self, last: int) -> str:
        """The cursor of the page behind the run numbered *last*."""
        return write_cursor(
            RunsCursor(
                start_run_counter=last,
                sort_direction=direction(self.ascending),
                sub_group=self.subgroup,
                phase_filter=self.phases or None,
                result_filter=self.results or None,
            )
        )


class DeliveriesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are wanted."""

    after: int | None
    limit: int
    """0 is no limit."""
    ascending: bool
    status: tuple[DeliveryStatus, ...]

    def cursor(self, last: str) -> str:
        """The cursor of the page behind the delivery with the sequence *last*; "" for none."""
        if not last:
            return ""
        return write_cursor(
            DeliveriesCursor(
                start_sequence=int(last),
                sort_direction=direction(self.ascending),
                delivery_status_filter=self.status or None,
            )
        )


def names_page(wanted: ListQuery, *, longest: int = LONGEST_PAGE) -> NamesPage:
    """Read the parameters of a list by name, of which a page holds *longest* unless fewer are wanted."""
    cursor, sortdirection = wanted.get("cursor", ""), wanted.get("sortdirection", "")
    size, ascending = page_size(wanted.get("limit", ""), longest), _ascending(sortdirection, usual="asc")
    if not cursor:
        return NamesPage(after="", limit=size, ascending=ascending)
    _refuse_beside_cursor(sortdirection)
    read = _read_cursor(cursor, NamesCursor)
    if not is_valid_name(read.start):
        raise _bad_cursor()
    return NamesPage(after=read.start, limit=size, ascending=_ascending(read.sort_direction, usual="asc"))


def runs_page(wanted: RunsQuery) -> RunsPage:
    """Read the parameters of a list of runs."""
    cursor, sortdirection = wanted.get("cursor", ""), wanted.get("sortdirection", "")
    size, ascending = page_size(wanted.get("limit", "")), _ascending(sortdirection, usual="desc")
    start, subgroup = wanted.get("start", ""), wanted.get("subgroup", "")
    phases, results = (
        tuple(filter(None, wanted.get("phase", ()))),
        tuple(filter(None, wanted.get("result", ()))),
    )
    if not cursor:
        return RunsPage(
            after=run_number(start) if start else None,
            limit=size,
            ascending=ascending,
            subgroup=_subgroup(subgroup),
            phases=phases,
            results=results,
        )
    _refuse_beside_cursor(sortdirection, start, subgroup, *phases, *results)
    read = _read_cursor(cursor, RunsCursor)
    if not 0 <= read.start_run_counter <= LARGEST_NUMBER:
        raise _bad_cursor()
    return RunsPage(
        after=read.start_run_counter,
        limit=size,
        ascending=_ascending(read.sort_direction, usual="desc"),
        subgroup=_subgroup(read.sub_group),
        phases=read.phase_filter or (),
        results=read.result_filter or (),
    )


def deliveries_page(wanted: DeliveriesQuery) -> DeliveriesPage:
    """Read the parameters of a list of deliveries."""
    cursor, sortdirection = wanted.get("cursor", ""), wanted.get("sortdirection", "")
    size, ascending = page_size(wanted.get("limit", "")), _ascending(sortdirection, usual="asc")
    status = tuple(filter(None, wanted.get("deliverystatus", ())))
    if not cursor:
        return DeliveriesPage(after=None, limit=size, ascending=ascending, status=_statuses(status))
    _refuse_beside_cursor(sortdirection, *status)
    read = _read_cursor(cursor, DeliveriesCursor)
    if not 0 <= read.start_sequence <= LARGEST_NUMBER:
        raise _bad_cursor()
    return DeliveriesPage(
        after=read.start_sequence,
        limit=size,
        ascending=_ascending(read.sort_direction, usual="asc"),
        status=_statuses(read.delivery_status_filter or ()),
    )


def run_number(text: str) -> int:
    """A run's number as the client wrote it; one that we never gave is simply too large."""
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"{text!r} is not a run number", code="invalidRunNumber")
    return min(int(text), LARGEST_NUMBER)


def direction(ascending: bool) -> str:
    """How the reference writes it."""
    return "asc" if ascending else "desc"


def write_cursor(cursor: msgspec.Struct) -> str:
    """A cursor as it travels."""
    return b64encode(msgspec.json.encode(cursor)).decode()


def _read_cursor(cursor: str, kind: type[C]) -> C:
    try:
        return msgspec.json.decode(b64decode(cursor, validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise _bad_cursor() from error


def _bad_cursor() -> Failure:
    return BadRequest("the cursor is damaged; take it as it stands in the header X-Agola-Cursor")


def page_size(limit: str, longest: int = LONGEST_PAGE) -> int:
    """How many are wanted; 0 is all of them."""
    if not limit:
        return longest
    if not _INTEGER.fullmatch(limit) or int(limit) < 0:
        raise BadRequest(f"limit {limit!r} is not a number from 0 on", code="invalidLimit")
    return min(int(limit), longest)


def _ascending(text: str, *, usual: str) -> bool:
    if text not in ("", "asc", "desc"):
        raise BadRequest(f"sortdirection {text!r} is neither asc nor desc", code="invalidSortDirection")
    return (text or usual) == "asc"


def _statuses(words: tuple[str, ...]) -> tuple[DeliveryStatus, ...]:
    for word in words:
        if word not in set(DeliveryStatus):
            known = ", ".join(DeliveryStatus)
            raise BadRequest(f"deliverystatus {word!r} is none of {known}", code="invalidDeliveryStatus")
    return tuple(DeliveryStatus(word) for word in words)


def _subgroup(text: str) -> str:
    """Elements of a group's path, which go below the project's own."""
    if not text.isprintable():
        raise BadRequest(f"{text!r} is not a group of runs", code="invalidRunGroup")
    return "/".join(element for element in text.split("/") if element)


def _refuse_beside_cursor(*others: str) -> None:
    if any(others):
        raise BadRequest("a cursor brings its own sort direction, start and filters; leave them out")
