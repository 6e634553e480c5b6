"""What a database's errors mean: try again, give up for now, or a lost race."""

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tidemill.errors import Conflict, Failure, Unavailable

_SQLITE_AWAY = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written; check it, and whether it is full",
    sqlite3.SQLITE_READONLY: "the file cannot be written; check its owner and the file system",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its owner and the limit of open files",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from an export or a backup",
    sqlite3.SQLITE_NOTADB: "the file is not a database; check the settings",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}
_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_COLLISIONS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}
_POSTGRES_UNIQUE = "23505"
_POSTGRES_COLLISIONS = {_POSTGRES_UNIQUE, "23503"}
_POSTGRES_CANCELLED = "57014"
#: Serialization failure, deadlock, lock not available.
_POSTGRES_AGAIN = {"40001", "40P01", "55P03"}
#: Connection exceptions, shut down or starting, too many connections, a standby after a failover.
_POSTGRES_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "53300", "25P03", "25006")
#: Disk or memory used up, who we are is refused, no such database.
_POSTGRES_AWAY = ("53", "28", "3D", "58")


def overdue(name: str) -> Unavailable:
    """The deadline has passed and nothing was committed."""
    return Unavailable(
        f"the database of {name} did not finish in time; nothing was changed, try again",
        code="databaseTimeout",
    )


def unknown_outcome(name: str) -> Unavailable:
    """The commit was asked for and its answer never came."""
    return Unavailable(
        f"the database of {name} did not confirm the change; it may have been made, look before repeating it",
        code="outcomeUnknown",
    )


def replaced(name: str) -> Unavailable:
    """The database's epoch is no longer the one that this process knows."""
    return Unavailable(
        f"the database of {name} was replaced by an import; this instance starts over, try again",
        code="epochChanged",
    )


def away(name: str, reason: str) -> Unavailable:
    """The database cannot work now, for a *reason* that an operator can do something about."""
    return Unavailable(f"the database of {name} is not available: {reason}", code="databaseUnavailable")


def closed(name: str) -> Unavailable:
    """The service is shutting down."""
    return away(name, "it is closed, since the service is stopping")


def sqlite_code(error: BaseException) -> int | None:
    """SQLite's own extended code of *error*, also through SQLAlchemy's wrapping."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None)


def is_busy(error: BaseException) -> bool:
    """Another connection holds SQLite's write lock."""
    code = sqlite_code(error)
    return code is not None and code & 0xFF in _SQLITE_BUSY


def from_sqlite(error: BaseException, name: str) -> BaseException:
    """What the caller of a transaction on SQLite is told."""
    code = sqlite_code(error)
    if code is None or isinstance(error, Failure):
        return error
    if code == sqlite3.SQLITE_INTERRUPT:
        return _because(overdue(name), error)
    if code in _SQLITE_COLLISIONS:
        return _because(collision(error), error)
    if code & 0xFF in _SQLITE_BUSY:
        return _because(away(name, "another process holds it"), error)
    reason = _SQLITE_AWAY.get(code & 0xFF)
    return error if reason is None else _because(away(name, reason), error)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's own code of *error*, also through SQLAlchemy's wrapping; None where it gave no answer."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: str | None = getattr(cause, "sqlstate", None)
    return code


def is_race(error: BaseException) -> bool:
    """A unique row that was not there when the transaction looked."""
    return sqlstate(error) == _POSTGRES_UNIQUE


def is_lost(error: BaseException) -> bool:
    """The connection broke, could not be made, or the server is going away or not yet there."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    code = sqlstate(error)
    if code is None:
        return isinstance(error, OSError) and not isinstance(error, TimeoutError)
    return code.startswith(_POSTGRES_LOST)


def is_passing(error: BaseException) -> bool:
    """Another attempt of the same transaction may well succeed."""
    return sqlstate(error) in _POSTGRES_AGAIN or is_lost(error) or _is_stale_plan(error)


def from_postgres(error: BaseException, name: str) -> BaseException:
    """What the caller of a transaction on PostgreSQL is told."""
    code = sqlstate(error)
    if isinstance(error, TimeoutError | PoolTimeout) or code == _POSTGRES_CANCELLED:
        return overdue(name)
    if code in _POSTGRES_COLLISIONS:
        return collision(error)
    if is_passing(error) or (code is not None and code.startswith(_POSTGRES_AWAY)):
        original = error.orig if isinstance(error, DBAPIError) else error
        return away(name, str(original) or type(original).__name__)
    return error


def _is_stale_plan(error: BaseException) -> bool:
    """A prepared statement from before a change of the schema; SQLAlchemy has thrown it away."""
    return isinstance(error, DBAPIError) and type(error.orig).__name__ == "InvalidCachedStatementError"


def collision(error: BaseException) -> Conflict:
    """A unique or foreign key constraint that no check of the store's own has foreseen."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    return Conflict(f"the change collides with what is stored: {original}".split("\n")[0], code="collision")


def _because(failure: Failure, cause: BaseException) -> Failure:
    failure.__cause__ = cause
    return failure
