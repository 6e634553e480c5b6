"""The gateway: the public API, permissions, the inbox of pushes, triggering."""

from tidemill.services.gateway.service import GatewayService

__all__ = ["GatewayService"]
