"""The public API described: `/api/openapi.json` for programs, `/api/docs` for people."""

from tidemill.services.gateway.reference.routes import reference_routes

__all__ = ["reference_routes"]
