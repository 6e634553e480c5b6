"""Reports in JUnit's format: counted case by case, whatever their totals claim."""

import io

import pytest

from tidemill.core.reports import LONGEST_TEXT, FailedCase
from tidemill.work.junit.parsing import SLACK, Malformed, Totals, read_report

REPORT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="999">
  <properties><property name="x" value="y"/></properties>
  <testsuite name="outer" time="x">
    <testsuite name="inner">
      <testcase classname="c.A" name="good" time="0.5"><system-out>noise</system-out></testcase>
      <testcase classname="c.A" name="bad" time="1,000.25">
        <failure message="1 != 2">trace &lt;here&gt;<![CDATA[ & there]]></failure>
        <error message="later"/>
      </testcase>
    </testsuite>
    <testcase name="\xc3\xbc" time="-3"><error type="E">boom</error><system-err>x</system-err></testcase>
    <testcase name="not now" time="nan"><skipped message="why">text</skipped></testcase>
  </testsuite>
</testsuites>
"""


def read(data: bytes, most_failed: int = 10) -> Totals:
    totals = Totals()
    read_report(io.BytesIO(data), totals, most_failed=most_failed)
    return totals


def test_a_report_is_counted() -> None:
    """By its cases; of those that failed it is known which and why."""
    totals = read(REPORT)
    assert (totals.tests, totals.failures, totals.errors, totals.skipped) == (4, 1, 1, 1)
    assert totals.seconds == 1000.75
    assert totals.failed == [
        FailedCase(
            kind="failure",
            suite="inner",
            classname="c.A",
            name="bad",
            message="1 != 2",
            text="trace <here> & there",
            seconds=1000.25,
        ),
        FailedCase(kind="error", suite="outer", name="ü", text="boom"),
    ]


def test_bounds_hold() -> None:
    """Of many failures the first are told about, of long texts the beginning; all are counted."""
    case = b"<testcase name='%d'><failure>" + b"x" * (LONGEST_TEXT + SLACK + 100) + b"</failure></testcase>"
    totals = read(b"<testsuite>" + b"".join(case % number for number in range(5)) + b"</testsuite>", 2)
    assert totals.failures == 5
    assert [(one.name, len(one.text)) for one in totals.failed] == [
        ("0", LONGEST_TEXT + SLACK),
        ("1", LONGEST_TEXT + SLACK),
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not well-formed"),
        (b"<testsuite>", "not well-formed"),
        (b"\xff\xfe\x00", "not well-formed"),
        (b"<html/>", "its root is 'html'"),
        (b"<testsuite>" * 200, "nested too deeply"),
        (b'<?xml version="1.0" encoding="nonsense"?><testsuite/>', "not"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>', "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        (b"<testsuite>&undefined;</testsuite>", "not well-formed"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, says: str) -> None:
    """With a sentence; entities are never looked at."""
    with pytest.raises(Malformed, match=says):
        read(data)
