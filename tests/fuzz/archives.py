"""Archives that nobody should be sent: made of hostile entries, then bent, cut and lied in.

`python -m tests.fuzz.archives --count 20000`: each either comes out whole below its target, within its
limits, or ends as one clear error; nothing else is touched.
"""

import argparse
import asyncio
import contextlib
import io
import os
import random
import secrets
import shutil
import stat
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from tidemill.kit.archive import Damaged
from tidemill.kit.tar_stream import Entry, entries
from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.places import is_outward
from tidemill.kit.toolbox.unpacking import Limits, unpack

LIMITS = Limits(members=20, size=20_000)
_NAMES = [
    "a",
    "b",
    "a/b",
    "a/../b",
    "../out",
    "/etc/x",
    "a//b",
    "./a",
    "a\nb",
    "a\0b",
    "",
    ".",
    "..",
    "é" * 120,
]
_NAMES += ["d/" * 60 + "x", "x" * 300, "raw\udcff", "a/b/c/d", "canary", "../canary", "d"]
_KINDS = [tarfile.REGTYPE] * 6 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE] * 2
_KINDS += [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE]
_KINDS += [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, b"?"]
_SIZES = [0, 1, 511, 512, 513, 3000, 30_000, 1 << 40, -1, -512, (1 << 63) - 1]
_PAX = [
    "path",
    "linkpath",
    "size",
    "mode",
    "GNU.sparse.map",
    "GNU.sparse.size",
    "GNU.sparse.major",
    "mtime",
    "x",
]
_VALUES = ["", "0", "-1", "9" * 30, "../out", "/etc/x", "a", "a\nb", "0,1,2", "1,99999999999", "1e400", "nan"]


def archive(seed: int, number: int) -> bytes:
    """A hostile archive, the same for the same numbers."""
    chance = random.Random(f"{seed}/{number}")
    out = io.BytesIO()
    for _ in range(chance.randint(1, 30 if chance.random() < 0.1 else 6)):
        out.write(_entry(chance))
    if chance.random() < 0.8:
        out.write(bytes(1024))
    data = bytearray(out.getvalue())
    for _ in range(chance.choice([0, 0, 1, 1, 2, 8])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


def _entry(chance: random.Random) -> bytes:
    info = tarfile.TarInfo(chance.choice(_NAMES))
    info.type = chance.choice(_KINDS)
    info.linkname = chance.choice([*_NAMES, ""])
    info.mode = chance.choice([0o644, 0o755, 0, 0o4755, 0o2755, 0o1777])
    content = chance.randbytes(max(0, min(chance.choice(_SIZES), 30_000)))
    info.size = len(content) if chance.random() < 0.7 else chance.choice(_SIZES)
    if chance.random() < 0.4:
        info.pax_headers = {chance.choice(_PAX): chance.choice(_VALUES) for _ in range(chance.randint(1, 3))}
    form: Literal[1, 2] = chance.choice([tarfile.PAX_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    try:
        header = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:  # a number that this format cannot hold
        return b""
    return header + content + bytes(-len(content) % 512)


def complaint(data: bytes, box: Path) -> str:
    """What is wrong with how *data* was taken, in a fresh directory *box*; "" when nothing is."""
    target = box / "target"
    target.mkdir(parents=True)
    (box / "canary").write_text("mine")
    try:
        try:
            unpack(io.BytesIO(data), str(target), lambda _: None, LIMITS)
        except ToolFailure as failure:
            if not str(failure):
                return "an error without a word"
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return f"unpacking: {error!r}"
        return _outside(box) or _inside(target) or asyncio.run(_streamed(data))
    finally:
        for folder, _, _ in os.walk(box):
            Path(folder).chmod(0o700)
        shutil.rmtree(box)


def _outside(box: Path) -> str:
    canary = box / "canary"
    is_same = canary.read_text() == "mine" and canary.stat().st_nlink == 1
    names = sorted(path.name for path in box.iterdir())
    return "" if is_same and names == ["canary", "target"] else f"beside the target: {names}"


def _inside(target: Path) -> str:
    size = 0
    for folder, folders, files in os.walk(target):
        Path(folder).chmod(0o700)
        for path in (Path(folder) / name for name in folders + files):
            status = path.lstat()
            depth = len(path.relative_to(target).parts) - 1
            if path.is_symlink():
                goes = str(path.readlink())
                if is_outward(goes, depth):
                    return f"a link leads out: {goes!r}"
            elif not (path.is_file() or path.is_dir()) or status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                return f"what no archive may hold: {path.name!r}"
            elif path.is_file():
                size += status.st_size // status.st_nlink
    return "" if size <= LIMITS.size else f"{size} bytes where {LIMITS.size} are allowed"


async def _streamed(data: bytes) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 700):
            yield data[start : start + 700]

    read = 0
    try:
        async for piece in entries(chunks()):
            read += 0 if isinstance(piece, Entry) else len(piece)
    except Damaged as damage:
        return "" if str(damage) else "damage without a word"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"reading: {error!r}"
    return "" if read <= len(data) else "more comes out than went in"


def main() -> int:
    """Try as many as the command line says; 1 when one of them was taken as none may."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.archives", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    print(f"archives: seed {seed}", flush=True)
    with contextlib.closing(_Boxes()) as boxes:
        for number in range(asked.count):
            if found := complaint(archive(seed, number), boxes.root / str(number)):
                print(f"archive {number}: {found}")
                return 1
    print(f"{asked.count} archives, none was taken as none may")
    return 0


class _Boxes:
    """A place for them."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="tidemill-archives-"))

    def close(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
