"""A point in time as a column: an aware datetime outside, microseconds since 1970 in UTC inside."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

from tidemill.errors import BadRequest

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _1970) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _1970) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """Column type of every time that we store; it sorts and compares the same on both engines."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else from_microseconds(value)


def to_microseconds(moment: datetime) -> int:
    """*moment* as it is stored. Refuses what names no point in time, or one that could not be read again."""
    if moment.tzinfo is None:
        raise BadRequest(f"the time {moment.isoformat()} has no time zone; write one, such as Z")
    stored = (moment - _1970) // _MICROSECOND
    if not _FIRST <= stored <= _LAST:
        raise BadRequest(f"the time {moment.isoformat()} is not in the years 1 to 9999 of UTC")
    return stored


def from_microseconds(stored: int) -> datetime:
    """The point in time that *stored* stands for, in UTC."""
    return _1970 + timedelta(microseconds=stored)
