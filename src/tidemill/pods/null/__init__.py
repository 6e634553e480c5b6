"""Pods of nothing: steps that execute no process, take as long as they say, and outlive the executor."""

from tidemill.pods.null.driver import NullDriver

__all__ = ["NullDriver"]
