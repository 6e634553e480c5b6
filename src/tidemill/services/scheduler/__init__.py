"""The scheduler: decides which queued run may start; owns nothing."""

from tidemill.services.scheduler.service import SchedulerService

__all__ = ["SchedulerService"]
