"""Coordination: bells now, and what several processes of an installation must agree on."""

from tidemill.kit.coord.bells import Bell, Bells

__all__ = ["Bell", "Bells"]
