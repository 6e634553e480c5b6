"""The configstore: users, tokens, project groups, projects, remote sources, late values."""

from tidemill.services.configstore.service import ConfigstoreService

__all__ = ["ConfigstoreService"]
