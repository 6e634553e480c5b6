"""Coordination: bells, and what the processes of an installation agree on."""

from tidemill.kit.coord.bells import Bell, Bells
from tidemill.kit.coord.coordinator import Change, Coordinator, Entry, Lease, Listing, Watch
from tidemill.kit.coord.leadership import Candidacy, Leadership, campaign, leader
from tidemill.kit.coord.presence import Instance, Presence, instances
from tidemill.kit.coord.view import View

__all__ = [
    "Bell",
    "Bells",
    "Candidacy",
    "Change",
    "Coordinator",
    "Entry",
    "Instance",
    "Leadership",
    "Lease",
    "Listing",
    "Presence",
    "View",
    "Watch",
    "campaign",
    "instances",
    "leader",
]
