"""Skip what this machine cannot test; fail instead where TIDEMILL_REQUIRE names the part."""

import os

import pytest


def require(part: str, available: bool, reason: str) -> None:
    """Go on if *part* is *available*; otherwise skip, or fail if `TIDEMILL_REQUIRE=part,…` demands it."""
    if available:
        return
    demanded = {name.strip() for name in os.environ.get("TIDEMILL_REQUIRE", "").split(",")}
    if part in demanded:
        pytest.fail(f"TIDEMILL_REQUIRE demands {part}: {reason}", pytrace=False)
    pytest.skip(f"{part}: {reason}")
