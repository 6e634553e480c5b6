"""The executor: claims jobs and works on them; calls the runservice, and is called by nobody."""

from tidemill.services.executor.service import ExecutorService

__all__ = ["ExecutorService"]
