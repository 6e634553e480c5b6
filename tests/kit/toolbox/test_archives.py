"""Archives: what comes back is what went in, and nothing that an archive says leads out of its destination."""

import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.packing import Content, pack
from tidemill.kit.toolbox.places import Place
from tidemill.kit.toolbox.unpacking import Limits, unpack


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "destination"


def unheard(_: str) -> None:
    """A log that nobody reads."""


def packed(*contents: Content, say: Callable[[str], None] = unheard) -> io.BytesIO:
    archive = io.BytesIO()
    pack(archive, contents, Place("/nonexistent"), say)
    archive.seek(0)
    return archive


def names(archive: io.BytesIO) -> list[str]:
    with tarfile.open(fileobj=archive) as tar:
        return tar.getnames()


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def archive_of(*entries: tarfile.TarInfo, content: bytes = b"") -> io.BytesIO:
    """An archive that somebody else has made."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for entry in entries:
            data = content if entry.isreg() else b""
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    archive.seek(0)
    return archive


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def test_everything_comes_back(source: Path, destination: Path) -> None:
    """Modes, links, hard links, empty directories, odd names, and directories that nobody may write to."""
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o755)
    (source / "empty").mkdir()
    (source / "closed").mkdir()
    (source / "closed" / "secret").write_text("x")
    (source / "closed" / "secret").chmod(0o600)
    (source / "closed").chmod(0o500)
    (source / "link").symlink_to("closed/secret")
    (source / "system").symlink_to("/usr/bin/env")
    os.link(source / "run", source / "second")
    (source / "a\nb é").write_bytes(os.urandom(3_000_000))
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_text("not utf-8")
    unpack(packed(Content(str(source))), str(destination), unheard)
    assert listing(destination) == listing(source)
    for path in source.rglob("*"):
        copy = destination / path.relative_to(source)
        assert copy.lstat().st_mode == path.lstat().st_mode, path
        if path.is_file():
            assert copy.read_bytes() == path.read_bytes()
    assert (destination / "link").readlink() == Path("closed/secret")
    assert (destination / "system").readlink() == Path("/usr/bin/env")
    assert (destination / "run").samefile(destination / "second")
    (source / "closed").chmod(0o700)
    (destination / "closed").chmod(0o700)


def test_the_same_tree_is_the_same_archive(source: Path) -> None:
    """Whatever order the disk tells its names in."""
    for name in ("c", "a", "b"):
        (source / name).write_text(name)
        os.utime(source / name, (1, 1))
    assert packed(Content(str(source))).getvalue() == packed(Content(str(source))).getvalue()
    assert names(packed(Content(str(source)))) == ["a", "b", "c"]


def test_paths_choose(source: Path) -> None:
    """Directories that do not match are still looked into, and are no entries."""
    (source / "a" / "b").mkdir(parents=True)
    for name in ("x.txt", "a/y.txt", "a/b/z.txt", "a/b/z.bin"):
        (source / name).write_text(name)
    assert names(packed(Content(str(source), "/out/", ("**/*.txt",)))) == [
        "out/x.txt",
        "out/a/y.txt",
        "out/a/b/z.txt",
    ]


def test_no_path_chooses_nothing(source: Path) -> None:
    """That is what Agola's files mean by none; what else is meant says so."""
    (source / "x").write_text("x")
    assert names(packed(Content(str(source), "", ()))) == []


def test_it_says_what_it_has_archived(source: Path) -> None:
    """One line for each of the contents."""
    said: list[str] = []
    (source / "a").mkdir()
    (source / "a" / "x").write_text("12345")
    packed(Content(str(source)), Content(str(source), "b", ("none",)), say=said.append)
    assert said == [f"{source}: 1 file, 1 directory, 5 B", f"{source}: nothing matches, 0 B"]


def test_two_contents_may_not_have_the_same_name(source: Path) -> None:
    """Neither of them could be meant."""
    (source / "x").write_text("x")
    with pytest.raises(ToolFailure, match="two of the contents have a file out/x"):
        packed(Content(str(source), "out"), Content(str(source), "out/"))


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "`source_dir` is empty"), ("/none", "cannot read the directory /none"), ("~bob/x", "`~user`")],
)
def test_a_source_that_is_not_there_fails(name: str, says: str) -> None:
    """An archive of nothing would be missed later."""
    with pytest.raises(ToolFailure, match=says):
        packed(Content(name))


def test_what_is_no_file_is_left_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets silently, fifos with a word."""
    said: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(source)
        listener.bind("socket")
        os.mkfifo(source / "fifo")
        assert names(packed(Content(str(source)), say=said.append)) == []
    assert said[0] == f"{source}/fifo: neither a file nor a directory nor a link, left out"


def test_a_link_that_leads_out_is_left_out(source: Path, destination: Path) -> None:
    """With a word: kept, it could never be brought back. One that leads anywhere inside is a link still."""
    said: list[str] = []
    (source / "a").mkdir()
    (source / "a" / "out").symlink_to("../../elsewhere")
    (source / "a" / "in").symlink_to("../x")
    (source / "gone").symlink_to("nothing")
    unpack(packed(Content(str(source)), say=said.append), str(destination), unheard)
    assert said[0] == (f"{source}/a/out: a link that leads out of what is kept, to ../../elsewhere, left out")
    assert (listing(destination), listing(destination / "a")) == (["a", "gone"], ["in"])


def test_an_archive_that_claims_more_than_there_is_ends_at_once(destination: Path) -> None:
    """Also where the claim is the content of what has no name."""
    info = entry(".")
    info.size = 1 << 62
    with pytest.raises(ToolFailure, match="it ends too early"):
        unpack(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), str(destination), unheard)


def test_a_setuid_bit_is_not_archived(source: Path, destination: Path) -> None:
    """So that what we archive can be unpacked."""
    (source / "x").write_text("x")
    (source / "x").chmod(0o4755)
    unpack(packed(Content(str(source))), str(destination), unheard)
    assert (destination / "x").stat().st_mode & 0o7777 == 0o755


def test_an_existing_file_is_not_replaced(source: Path, destination: Path) -> None:
    """An existing directory is gone on with, and keeps its mode."""
    (source / "a").mkdir()
    (source / "a" / "x").write_text("new")
    (destination / "a").mkdir(parents=True, mode=0o700)
    (destination / "a" / "y").write_text("old")
    unpack(packed(Content(str(source))), str(destination), unheard)
    assert ((destination / "a" / "x").read_text(), (destination / "a" / "y").read_text()) == ("new", "old")
    assert (destination / "a").stat().st_mode & 0o777 == 0o700
    with pytest.raises(ToolFailure, match="'a/x' exists already"):
        unpack(packed(Content(str(source))), str(destination), unheard)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_a_link_in_the_way_is_neither_followed_nor_replaced(destination: Path, kind: bytes) -> None:
    """It could lead anywhere."""
    destination.mkdir()
    (destination / "x").symlink_to("elsewhere")
    with pytest.raises(ToolFailure, match="exists already"):
        unpack(archive_of(entry("x", kind, "y")), str(destination), unheard)
    assert not (destination.parent / "elsewhere").exists()


HOSTILE = {
    "an absolute name": ([entry("/tmp/x")], "absolute name"),
    "a name that climbs": ([entry("../x")], "a name with `..`"),
    "a name that climbs inside": ([entry("a/../../x")], "a name with `..`"),
    "a link that climbs": ([entry("x", tarfile.SYMTYPE, "../x")], "a link that leads out"),
    "a link that climbs from below": ([entry("a/x", tarfile.SYMTYPE, "../../x")], "a link that leads out"),
    "a hard link to an absolute name": ([entry("x", tarfile.LNKTYPE, "/etc/passwd")], "absolute name"),
    "a hard link that climbs": ([entry("x", tarfile.LNKTYPE, "../outside")], "a name with `..`"),
    "a hard link to nothing": ([entry("x", tarfile.LNKTYPE, ".")], "a link to nothing"),
    "a file through a link": (
        [entry("a", tarfile.SYMTYPE, "/tmp"), entry("a/x")],
        "nothing is put through links",
    ),
    "a hard link through a link": (
        [entry("a", tarfile.SYMTYPE, "/etc"), entry("x", tarfile.LNKTYPE, "a/passwd")],
        "nothing is put through links",
    ),
    "a hard link to a link": (
        [entry("a", tarfile.SYMTYPE, "/etc/passwd"), entry("x", tarfile.LNKTYPE, "a")],
        "a link to what is no file",
    ),
    "a device": ([entry("x", tarfile.CHRTYPE)], "no file, directory or link"),
    "a disk": ([entry("x", tarfile.BLKTYPE)], "no file, directory or link"),
    "a fifo": ([entry("x", tarfile.FIFOTYPE)], "no file, directory or link"),
    "a setuid program": ([entry("x", mode=0o4755)], "the rights of another user"),
    "a setgid directory": ([entry("x", tarfile.DIRTYPE, mode=0o2755)], "the rights of another user"),
    "the same file twice": ([entry("x"), entry("x")], "'x' exists already"),
    "a file as a directory": ([entry("x"), entry("x/y")], "nothing can be put into 'x'"),
    "a name too long": ([entry("x" * 300)], "cannot be made"),
    "a path too long": ([entry("x/" * 3000 + "x")], "a name that no file can have"),
    "too many entries": ([entry(f"x{n}") for n in range(6)], "more than 5 entries"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused(what: str, destination: Path, tmp_path: Path) -> None:
    """Nothing outside of the destination is touched."""
    entries, says = HOSTILE[what]
    (tmp_path / "outside").write_text("mine")
    before = listing(tmp_path)
    with pytest.raises(ToolFailure, match=says):
        unpack(archive_of(*entries), str(destination), unheard, Limits(members=5))
    assert [name for name in listing(tmp_path) if name != "destination"] == before
    assert (tmp_path / "outside").stat().st_nlink == 1


def test_an_archive_has_a_limit(destination: Path) -> None:
    """Of bytes over all its files, before they are written."""
    archive = archive_of(entry("a"), entry("b"), content=b"x" * 1000)
    with pytest.raises(ToolFailure, match=r"more than 1\.5 kB"):
        unpack(archive, str(destination), unheard, Limits(size=1500))
    assert not (destination / "b").exists()


@pytest.mark.parametrize("at", [100, 700, 1200])
def test_a_damaged_archive_is_said_to_be(source: Path, destination: Path, at: int) -> None:
    """Cut, or no archive at all."""
    (source / "x").write_bytes(b"x" * 5000)
    whole = packed(Content(str(source))).getvalue()
    with pytest.raises(ToolFailure, match="the archive is damaged"):
        unpack(io.BytesIO(whole[:at]), str(destination), unheard)
    with pytest.raises(ToolFailure, match="the archive is damaged"):
        unpack(io.BytesIO(b"\xff" * 10_000), str(destination), unheard)


def test_a_destination_that_is_a_file_is_said_to_be(destination: Path) -> None:
    """Its parents are made, a file is not replaced."""
    destination.write_text("x")
    with pytest.raises(ToolFailure, match="cannot make the directory"):
        unpack(archive_of(), str(destination), unheard)
