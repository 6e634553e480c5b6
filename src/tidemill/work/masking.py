"""Masking of secrets in a stream of bytes, so that none of them is ever stored.

What comes out depends on the bytes alone and never on how they were cut into chunks. So a log can be
masked again from its beginning after a restart, and continued at the offset that is stored already.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import re2

from tidemill.work.disguises import SHORTEST, disguises

#: What a reader sees in the place of a secret.
STARS = b"***"

#: Bytes of memory that the search for secrets may take.
LARGEST_SEARCH = 1 << 30


class Mask:
    """What to hide; compiled once per job, then used for each of its logs."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Raises ValueError when there is more to hide than can be looked for."""
        self._forms = sorted({form for secret in secrets for form in disguises(secret)})
        self._heads = frozenset(form[:SHORTEST] for form in self._forms)
        self._longest = max(map(len, self._forms), default=0)
        self._pattern = _compile(self._forms) if self._forms else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def stream(self) -> "MaskedStream":
        """A masker for one log."""
        return MaskedStream(self)

    def matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where secrets stand in *data*: leftmost first, the longest at each place."""
        if self._pattern is not None:
            for match in self._pattern.finditer(data):
                yield match.start(), match.end()

    def unfinished(self, data: bytes) -> Iterator[int]:
        """Places from which *data* could go on to be a secret, or a longer one than it is now."""
        end = len(data)
        for at in range(max(0, end - self._longest + 1), end):
            if end - at >= SHORTEST and data[at : at + SHORTEST] not in self._heads:
                continue
            if self._is_beginning(data[at:]):
                yield at

    def _is_beginning(self, part: bytes) -> bool:
        index = bisect_left(self._forms, part)
        if index < len(self._forms) and self._forms[index] == part:
            index += 1
        return index < len(self._forms) and self._forms[index].startswith(part)


class MaskedStream:
    """One log on its way through a mask. It holds back only what may be the beginning of a secret."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The next bytes to show, after *data* has come in."""
        if not self._mask:
            return data
        data = self._held + data
        shown, rest = self._masked(data, list(self._mask.unfinished(data)))
        self._held = data[rest:]
        return shown

    def drop(self) -> None:
        """Show nothing of what is held back: what would tell whether it is a secret does not come."""
        self._held = b""

    def finish(self) -> bytes:
        """What was held back, when no more comes."""
        shown, _ = self._masked(self._held, [])
        self._held = b""
        return shown

    def _masked(self, data: bytes, unfinished: list[int]) -> tuple[bytes, int]:
        """*data* with stars up to the first open question, and where that stands."""
        pieces: list[bytes] = []
        done = 0
        open_questions = iter(unfinished)
        question = next(open_questions, len(data))
        for start, end in self._mask.matches(data):
            if question <= start:
                break
            pieces += (data[done:start], STARS)
            done = end
            while question < done:
                question = next(open_questions, len(data))
        pieces.append(data[done:question])
        return b"".join(pieces), question


def _compile(forms: list[bytes]) -> "re2._Regexp[bytes]":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    # A limit, not an allocation: below about this much RE2 falls back to a search fifty times slower.
    options.max_mem = min(LARGEST_SEARCH, (8 << 20) + 1000 * sum(map(len, forms)))
    try:
        return re2.compile(b"|".join(re2.escape(form) for form in forms), options)
    except re2.error as error:
        raise ValueError(f"there are {len(forms)} forms to look for, too many") from error
