"""Built-in git hosting: smart HTTP, a durable log of ref updates, and reading commits and files."""

from tidemill.services.gitserver.service import GitserverService

__all__ = ["GitserverService"]
