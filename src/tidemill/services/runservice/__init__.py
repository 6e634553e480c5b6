"""The runservice: runs, jobs, logs; knows nothing of people, projects, refs or forges."""

from tidemill.services.runservice.service import RunserviceService

__all__ = ["RunserviceService"]
