"""Methods that wait: each call is made in an event loop of its client, in a thread beside the caller's."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C")


class Blocking:
    """An object whose methods wait for those of *target*."""

    def __init__(self, portal: BlockingPortal, target: Any) -> None:
        self._portal = portal
        self._target = target


class Stream(Iterator[bytes]):
    """The bytes of a streamed answer, as they come; to be closed when they are not read to their end."""

    def __init__(self, portal: BlockingPortal, chunks: AsyncIterator[bytes]) -> None:
        self._portal = portal
        self._chunks = chunks

    def __next__(self) -> bytes:
        chunk = self._portal.call(_next, self._chunks)
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Read no more."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            self._portal.call(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class blocking(Generic[P, T]):  # noqa: N801 - it stands where a decorator would
    """A method of a contract, without `await`."""

    def __init__(self, method: Callable[Concatenate[C, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method
        self._name = method.__name__
        self.__doc__ = method.__doc__

    def __get__(self, owner: Blocking, _: type | None = None) -> Callable[P, T]:
        target = getattr(owner._target, self._name)  # noqa: SLF001 - it is one thing with its descriptor

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return self._answer(owner._portal, owner._portal.call(partial(target, *args, **kwargs)))  # noqa: SLF001

        call.__endpoint__ = target.__endpoint__  # type: ignore[attr-defined]  # what goes through pages asks for it
        return update_wrapper(call, self._method, ("__name__", "__qualname__", "__doc__"), ())

    def _answer(self, _: BlockingPortal, answer: T) -> T:
        return answer


class blocking_stream(blocking[P, Stream]):  # noqa: N801 - as above
    """The same of a method that answers a stream."""

    def __init__(
        self, method: Callable[Concatenate[C, P], Coroutine[Any, Any, AsyncIterator[bytes]]]
    ) -> None:
        super().__init__(method)  # type: ignore[arg-type]  # what it answers becomes a Stream below

    def _answer(self, portal: BlockingPortal, answer: Any) -> Stream:
        return Stream(portal, answer)


@contextmanager
def blocking_client(client: AbstractAsyncContextManager[T]) -> Iterator[tuple[BlockingPortal, T]]:
    """*client* opened in an event loop of its own, until the block ends."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as opened:
        yield portal, opened


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
