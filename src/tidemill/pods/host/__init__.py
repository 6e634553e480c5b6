"""Pods on this host: processes in a bubblewrap sandbox, each with a supervisor that outlives us."""

from tidemill.pods.host.driver import HostDriver

__all__ = ["HostDriver"]
