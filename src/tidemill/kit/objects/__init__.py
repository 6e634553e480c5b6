"""The object store: bytes written once under their final name, streamed in constant memory."""

from tidemill.kit.objects.store import Objects

__all__ = ["Objects"]
