"""What is said to etcd: small builders of its messages, and what its answers mean."""

from typing import Any

from aetcd import rpc
from grpc import StatusCode

from tidemill.errors import Conflict, Failure, Internal, TooLarge, Unavailable

#: Nothing has been done: the member was not reached, or knew at once that it could do nothing.
_NOT_DONE = ("failed to connect to all addresses", "etcdserver: no leader")

#: The token is too old, or older than the last change of users and roles.
_TOKEN_IS_OLD = ("invalid auth token", "revision of auth store is old")


def end_of(prefix: bytes) -> bytes:
    """The first key behind all that begin with *prefix*, which is UTF-8 and not empty."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def reading(key: bytes, end: bytes = b"") -> Any:
    """Read *key*, or everything from it to *end*."""
    return rpc.RequestOp(request_range=rpc.RangeRequest(key=key, range_end=end))


def putting(key: bytes, value: bytes, lease: int = 0) -> Any:
    """Set *key*."""
    return rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value, lease=lease))


def deleting(key: bytes) -> Any:
    """Remove *key*."""
    return rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key))


def is_value(key: bytes, value: bytes) -> Any:
    """Only if *key* has *value*."""
    return rpc.Compare(result=rpc.Compare.EQUAL, target=rpc.Compare.VALUE, key=key, value=value)


def is_absent(key: bytes) -> Any:
    """Only if *key* does not exist."""
    return rpc.Compare(result=rpc.Compare.EQUAL, target=rpc.Compare.CREATE, key=key, create_revision=0)


def is_changed_at(key: bytes, revision: int) -> Any:
    """Only if *key* was last changed at etcd's *revision*; 0: does not exist."""
    return rpc.Compare(result=rpc.Compare.EQUAL, target=rpc.Compare.MOD, key=key, mod_revision=revision)


def watching(key: bytes, end: bytes, start: int) -> Any:
    """Tell every change from etcd's revision *start* on (0: from now), and now and then how far it is."""
    create = rpc.WatchCreateRequest(key=key, range_end=end, start_revision=start, progress_notify=True)
    return rpc.WatchRequest(create_request=create)


def is_not_done(error: rpc.AioRpcError) -> bool:
    """Whether the call certainly had no effect, so that even a comparison may be sent again."""
    return (error.details() or "").startswith(_NOT_DONE) or wants_new_token(error)


def wants_new_token(error: rpc.AioRpcError) -> bool:
    """Whether the call was refused for its token alone."""
    return any(why in (error.details() or "") for why in _TOKEN_IS_OLD)


def failure(error: rpc.AioRpcError) -> Failure:
    """What a failed call means to its caller."""
    code, details = error.code(), error.details() or ""
    if code is StatusCode.NOT_FOUND and "lease not found" in details:
        return lease_is_over()
    if "request is too large" in details or "larger than max" in details:
        return TooLarge("etcd refuses a value of this size; keep values below 1 MiB")
    if code is StatusCode.PERMISSION_DENIED or "authentication failed" in details or "user name" in details:
        return Internal(
            f"etcd refuses this server: {details}; see coordinator.user, password_file and prefix",
            code="coordinatorRefuses",
        )
    return Unavailable(f"etcd does not answer: {details or code.name}", code="coordinatorAway")


def lease_is_over() -> Conflict:
    """Its keys are gone."""
    return Conflict("the lease is over; take a new one and put its keys again", code="leaseExpired")


def is_compacted(revision: int) -> Conflict:
    """A watch cannot go on where it was."""
    return Conflict(
        f"the changes after revision {revision} are not known any more; list again", code="compacted"
    )
