"""One report in JUnit's format, as a stream of events: no tree, no entities, no document type."""

import math
from typing import BinaryIO, Literal
from xml.parsers import expat

import msgspec

from tidemill.core.reports import LONGEST_MESSAGE, LONGEST_NAME, LONGEST_TEXT, FailedCase

#: Characters beyond the longest text that are handed on, so that a secret is whole when it is masked.
SLACK = 8192
DEEPEST = 100
_BLOCK = 64 << 10
_LONGEST_CASE = 1e9


class Malformed(Exception):
    """It is no report; a sentence."""


class Totals(msgspec.Struct, kw_only=True):
    """What has been counted so far, over all reports of a step."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list[FailedCase] = []


def read_report(file: BinaryIO, totals: Totals, *, most_failed: int) -> None:
    """Add what a report says to *totals*; raises Malformed, and what was read before that stays."""
    reading = _Reading(totals, most_failed)
    try:
        while block := file.read(_BLOCK):
            reading.parser.Parse(block, False)
        reading.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Malformed(f"it is not well-formed XML: {error}") from None
    except (LookupError, ValueError) as error:  # encodings that nobody knows
        raise Malformed(f"it cannot be read: {error}") from None


class _Case:
    """The test that is being read."""

    def __init__(self, suite: str, attributes: dict[str, str]) -> None:
        self.suite = suite
        self.classname = attributes.get("classname", "")[:LONGEST_NAME]
        self.name = attributes.get("name", "")[:LONGEST_NAME]
        self.seconds = _seconds(attributes.get("time", ""))
        self.kind: Literal["failure", "error", "skipped", ""] = ""
        self.message = ""
        self.text = ""


class _Reading:
    """Handlers of one parser."""

    def __init__(self, totals: Totals, most_failed: int) -> None:
        self._totals = totals
        self._most_failed = most_failed
        self._path: list[str] = []
        self._suites: list[str] = []
        self._case: _Case | None = None
        self._takes_text = False
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_document_type
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._hear

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag not in ("testsuites", "testsuite"):
            raise Malformed(f"it is no test report: its root is {tag[:100]!r}")
        if len(self._path) >= DEEPEST:
            raise Malformed("its elements are nested too deeply")
        self._path.append(tag)
        case = self._case
        if case is None and tag == "testsuite":
            self._suites.append(attributes.get("name", "")[:LONGEST_NAME])
        elif case is None and tag == "testcase":
            self._case = _Case(self._suites[-1] if self._suites else "", attributes)
        elif case is not None and not case.kind and tag in ("failure", "error", "skipped"):
            case.kind = tag  # type: ignore[assignment]  # mypy does not narrow `in`
            case.message = attributes.get("message", "")[: LONGEST_MESSAGE + SLACK]
            self._takes_text = tag != "skipped"

    def _end(self, tag: str) -> None:
        self._path.pop()
        if self._case is None:
            if tag == "testsuite" and self._suites:
                self._suites.pop()
        elif tag == "testcase":
            self._count(self._case)
            self._case = None
        if tag in ("failure", "error"):
            self._takes_text = False

    def _hear(self, text: str) -> None:
        if self._takes_text and self._case is not None:
            left = LONGEST_TEXT + SLACK - len(self._case.text)
            self._case.text += text[: max(left, 0)]

    def _count(self, case: _Case) -> None:
        totals = self._totals
        totals.tests += 1
        totals.seconds += case.seconds
        match case.kind:
            case "skipped":
                totals.skipped += 1
                return
            case "failure":
                totals.failures += 1
            case "error":
                totals.errors += 1
            case _:
                return
        if len(totals.failed) < self._most_failed:
            totals.failed.append(
                FailedCase(
                    kind=case.kind,
                    suite=case.suite,
                    classname=case.classname,
                    name=case.name,
                    message=case.message,
                    text=case.text,
                    seconds=case.seconds,
                )
            )


def _refuse_document_type(*_: object) -> None:
    raise Malformed("it has a document type, which could define entities: a report needs none")


def _seconds(text: str) -> float:
    """A duration as a report has it, `1,234.5` too; 0 where it makes no sense."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and 0 <= seconds <= _LONGEST_CASE else 0.0
