"""The notification service: run events to an outbox, and from there to webhooks."""

from tidemill.services.notification.service import NotificationService

__all__ = ["NotificationService"]
