"""A program that acts upon every event once: what follows from one and the cursor are kept in one transaction.

`python -m tests.faults.consumer INBOX TOKEN URL…` goes on for ever, at whichever address answers; it is
there to be killed.
"""

import itertools
import sqlite3
import sys
import time
from pathlib import Path

import httpx2

from tidemill.kit.event_stream import Parser


def open_inbox(path: Path) -> sqlite3.Connection:
    """The inbox; an event that came twice would be refused by its key."""
    inbox = sqlite3.connect(path, isolation_level=None)
    inbox.execute("PRAGMA journal_mode=WAL")
    inbox.execute("CREATE TABLE IF NOT EXISTS inbox (place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL)")
    inbox.execute("CREATE TABLE IF NOT EXISTS cursor (id TEXT NOT NULL)")
    return inbox


def follow(inbox: sqlite3.Connection, url: str, token: str) -> None:
    """Take in what one connection tells."""
    (after,) = inbox.execute("SELECT id FROM cursor").fetchone() or ("oldest",)
    headers = {"Authorization": f"token {token}", "Accept": "*/*"}
    parser = Parser()
    address = f"{url}/api/v1alpha/events?after={after}"
    with httpx2.stream("GET", address, headers=headers, timeout=httpx2.Timeout(5, read=30)) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw():
            for told in parser.feed(chunk):
                inbox.execute("BEGIN IMMEDIATE")
                inbox.execute("INSERT INTO inbox (id) VALUES (?)", (told.id,))
                inbox.execute("DELETE FROM cursor")
                inbox.execute("INSERT INTO cursor VALUES (?)", (told.id,))
                inbox.execute("COMMIT")


def main(path: str, token: str, *urls: str) -> None:
    inbox = open_inbox(Path(path))
    for url in itertools.cycle(urls):
        try:
            follow(inbox, url, token)
        except (httpx2.TransportError, httpx2.HTTPStatusError):
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
