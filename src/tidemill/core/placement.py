"""Placement: which executors suit a task and what the others lack, and which of several takes it."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from tidemill.core.plan import Resources, Runtime
from tidemill.core.sizes import size_in_words


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks of the executor that is to do it."""

    runtime: str
    """A kind of runtime: `host`, `pod`."""
    arch: str = ""
    """"" is any."""
    labels: dict[str, str] = {}
    """What the executor must be labelled with; "" is any value."""
    privileged: bool = False
    resources: Resources = Resources()


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor has for tasks."""

    runtimes: tuple[str, ...] = ()
    arch: str = ""
    labels: dict[str, str] = {}
    allow_privileged: bool = False
    resources: Resources = Resources()
    """For all of its jobs together; None is what it does not state."""


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why an executor does not suit a task."""

    wanted: str
    """What a suitable one does, as the end of a sentence about it: "has label `gpu`"."""
    found: str
    """What this one does instead: "has no label `gpu`"."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """An executor's offer, and how much of it is taken."""

    offer: Offer
    slots: int
    jobs: int
    used: Resources = Resources(cpu=0, memory=0)

    @property
    def free(self) -> int:
        """Slots in which it could work."""
        return max(0, self.slots - self.jobs)

    @property
    def load(self) -> float:
        """The share of its slots that is taken."""
        return self.jobs / self.slots if self.slots > 0 else 1.0

    def takes(self, demand: Demand) -> bool:
        """Whether it could begin such a task now."""
        return self.free > 0 and suits(demand, self.offer) and self._has_left(demand)

    def beside(self, demand: Demand) -> "Room":
        """The room that is left beside such a task."""
        return replace(self, jobs=self.jobs + 1, used=_sum(self.used, demand.resources))

    def _has_left(self, demand: Demand) -> bool:
        """Whether its resources, where they are stated, are enough beside what it does already."""
        asked, used, stated = demand.resources, self.used, self.offer.resources
        return _is_within(asked.cpu, used.cpu, stated.cpu) and _is_within(
            asked.memory, used.memory, stated.memory
        )


def demand_of(runtime: Runtime) -> Demand:
    """What a task with this runtime asks of an executor."""
    return Demand(
        runtime=runtime.type,
        arch=runtime.arch,
        labels=runtime.labels,
        privileged=any(container.privileged for container in runtime.containers),
        resources=runtime.resources,
    )


def suits(demand: Demand, offer: Offer) -> bool:
    """Whether an executor with this offer can do such a task at all, busy or not."""
    return next(_lacks(demand, offer), None) is None


def lacks(demand: Demand, offer: Offer) -> tuple[Lack, ...]:
    """Everything that keeps an executor with this offer from such a task; nothing when it suits."""
    return tuple(_lacks(demand, offer))


def share(demands: Sequence[Demand], mine: Room, others: Sequence[Room]) -> list[int | None]:
    """Who is to take each of these tasks now, in their order: of those that can, the one with the least load.

    -1 is whoever asks (also between equals), else it is an index of *others*; None is nobody of them.
    """
    rooms = [mine, *others]
    takers: list[int | None] = []
    for demand in demands:
        able = [number for number, room in enumerate(rooms) if room.takes(demand)]
        taker = min(able, key=lambda number: rooms[number].load, default=None)
        if taker is not None:
            rooms[taker] = rooms[taker].beside(demand)
        takers.append(None if taker is None else taker - 1)
    return takers


def used_by(demands: Sequence[Demand]) -> Resources:
    """What tasks take of the resources of the executor that does them."""
    used = Resources(cpu=0, memory=0)
    for demand in demands:
        used = _sum(used, demand.resources)
    return used


def _lacks(demand: Demand, offer: Offer) -> Iterator[Lack]:
    if demand.runtime not in offer.runtimes:
        yield Lack(wanted=f"has the runtime `{demand.runtime}`", found=f"has no runtime `{demand.runtime}`")
    if demand.arch and demand.arch != offer.arch:
        yield Lack(wanted=f"is for {demand.arch}", found=f"is for {offer.arch or 'an unknown architecture'}")
    for name, value in sorted(demand.labels.items()):
        if name not in offer.labels:
            yield Lack(wanted=f"has label {_label(name, value)}", found=f"has no label `{name}`")
        elif value not in ("", offer.labels[name]):
            has = _label(name, offer.labels[name])
            yield Lack(wanted=f"has label {_label(name, value)}", found=f"has label {has}, not `{value}`")
    if demand.privileged and not offer.allow_privileged:
        yield Lack(wanted="allows privileged containers", found="allows no privileged containers")
    yield from _scarce(demand, offer)


def _scarce(demand: Demand, offer: Offer) -> Iterator[Lack]:
    """Resources of which it has too few; a host, which keeps no task within limits, has to state them."""
    stated = offer.resources
    for asked, limit, said in (
        (demand.resources.cpu, stated.cpu, cpus),
        (demand.resources.memory, stated.memory, memory),
    ):
        if asked is None:
            continue
        if limit is not None and asked > limit:
            yield Lack(wanted=f"offers {said(asked)}", found=f"offers {said(limit)}, {said(asked)} are asked")
        elif limit is None and demand.runtime == "host":
            unit = "CPUs" if said is cpus else "memory"
            yield Lack(wanted=f"offers {said(asked)}", found=f"states no {unit}, {said(asked)} are asked")


def cpus(thousandths: int) -> str:
    """Such as `2 CPU` or `0.5 CPU`."""
    return f"{thousandths / 1000:g} CPU"


def memory(size: int) -> str:
    """Such as `2 GiB of memory`."""
    return f"{size_in_words(size)} of memory"


def _label(name: str, value: str) -> str:
    return f"`{name}={value}`" if value else f"`{name}`"


def _is_within(asked: int | None, used: int | None, limit: int | None) -> bool:
    return limit is None or asked is None or asked + (used or 0) <= limit


def _sum(one: Resources, other: Resources) -> Resources:
    return Resources(cpu=(one.cpu or 0) + (other.cpu or 0), memory=(one.memory or 0) + (other.memory or 0))
