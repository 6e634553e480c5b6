"""Badges: small pictures of how a project is, for pages that anybody reads."""

from collections.abc import AsyncIterator

from tidemill.kit.contract import Contract, get


class BadgeRoutes(Contract):
    """Badges are for anybody, of private projects too; credentials are not looked at."""

    @get("/badges/{projectref}", media="image/svg+xml", heads=True)
    async def badge(self, projectref: str, branch: str = "") -> AsyncIterator[bytes]:
        """The newest run of a branch, or of all branches, as a picture; 404 `projectDoesNotExist`."""
