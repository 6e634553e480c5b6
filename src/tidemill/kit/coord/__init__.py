"""Coordination: bells, and what the processes of an installation agree on."""

from tidemill.kit.coord.bells import Bell, Bells
from tidemill.kit.coord.coordinator import Change, Coordinator, Entry, Lease, Listing, Watch
from tidemill.kit.coord.leadership import Leadership, campaign, leader
from tidemill.kit.coord.presence import Instance, Presence, instances

__all__ = [
    "Bell",
    "Bells",
    "Change",
    "Coordinator",
    "Entry",
    "Instance",
    "Leadership",
    "Lease",
    "Listing",
    "Presence",
    "Watch",
    "campaign",
    "instances",
    "leader",
]
