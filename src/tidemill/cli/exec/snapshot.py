"""A repository that holds a working tree as it is, uncommitted changes included, for tasks to clone."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tidemill.core.refs import Ref, branch
from tidemill.errors import BadRequest, Internal

_SECONDS = 120.0
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "tidemill exec"), ("EMAIL", "exec@localhost"))
}

_SETTINGS = ("-c", "safe.directory=*", "-c", "advice.addEmbeddedRepo=false")
_NOT_BARE = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "false"}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the repository that a working tree belongs to."""

    git_dir: Path
    head: str
    """The commit that is checked out; "" before the first one."""
    branch: str
    """"" when no branch is checked out."""
    message: str
    object_format: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A commit of the working tree, in a repository of its own."""

    repository: Path
    commit: str
    ref: Ref
    message: str
    needed: tuple[Path, ...]
    """Directories that git reads to clone it."""

    @property
    def url(self) -> str:
        """What to clone."""
        return f"file://{self.repository}"


def find_origin(tree: Path) -> Origin | None:
    """The repository whose working tree *tree* is the root of; None when it is none."""
    asked = ("--show-toplevel", "--absolute-git-dir", "--show-object-format")
    done = _git(tree, "rev-parse", *asked, check=False)
    if not done:
        return None
    top, git_dir, object_format = done.splitlines()
    if Path(top).resolve() != tree.resolve():
        return None
    head = _git(tree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).strip()
    name = _git(tree, "symbolic-ref", "--short", "--quiet", "HEAD", check=False).strip()
    message = _git(tree, "log", "-1", "--format=%B", head).strip() if head else ""
    return Origin(git_dir=Path(git_dir), head=head, branch=name, message=message, object_format=object_format)


def take_snapshot(tree: Path, place: Path, ref: Ref | None = None) -> Snapshot:
    """Record *tree* in a new repository *place*; the one it belongs to is only read.

    Files that git ignores are left out. Raises BadRequest where git is missing, Internal where it fails.
    """
    if shutil.which("git") is None:
        raise BadRequest("git is missing; on Debian: apt-get install git")
    origin = find_origin(tree)
    _git(
        tree,
        "init",
        "--quiet",
        "--bare",
        f"--object-format={origin.object_format if origin else 'sha1'}",
        str(place),
    )
    needed = (place, *(_borrow(origin, place) if origin else ()))
    commit = _record(tree, place, origin)
    ref = ref or branch(origin.branch if origin and origin.branch else "main")
    _git(tree, "update-ref", ref.full, commit, inside=place)
    _git(tree, "symbolic-ref", "HEAD", ref.full, inside=place)
    return Snapshot(
        repository=place, commit=commit, ref=ref, message=origin.message if origin else "", needed=needed
    )


def _borrow(origin: Origin, place: Path) -> tuple[Path, ...]:
    """Let *place* find the objects of *origin* where they are, and know what git does not look at."""
    common = Path(_git(origin.git_dir, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    objects = common / "objects"
    (place / "objects/info/alternates").write_text(f"{objects}\n")
    for name in ("shallow", "info/exclude"):
        if (common / name).is_file():
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(common / name, place / name)
    if (origin.git_dir / "index").is_file():  # what has not changed need not be read again
        shutil.copyfile(origin.git_dir / "index", place / "index")
    further = objects / "info/alternates"
    lent = further.read_text().splitlines() if further.is_file() else []
    return (objects, *(objects / line for line in lent if line and not line.startswith("#")))


def _record(tree: Path, place: Path, origin: Origin | None) -> str:
    where = {"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(place / "index")} | _NOT_BARE
    _git(tree, "add", "--all", "--", ".", inside=place, environment=where)
    written = _git(tree, "write-tree", inside=place, environment=where).strip()
    head = origin.head if origin else ""
    if head and _git(tree, "rev-parse", f"{head}^{{tree}}", inside=place).strip() == written:
        return head
    parents = ("-p", head) if head else ()
    arguments = (
        "commit-tree",
        written,
        *parents,
        "-m",
        origin.message if origin and head else "Working tree",
    )
    return _git(tree, *arguments, inside=place, environment=_IDENTITY).strip()


def _git(
    at: Path,
    *arguments: str,
    inside: Path | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> str:
    """What git says; with *check* off "" is what it says when it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if inside is not None:
        clean["GIT_DIR"] = str(inside)
    try:
        done = subprocess.run(
            ["git", *_SETTINGS, *arguments],
            cwd=at,
            env=clean | dict(environment or {}),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Internal(f"git {arguments[0]} took longer than {_SECONDS:.0f} s in {at}") from None
    if done.returncode and check:
        raise Internal(f"git {arguments[0]} failed in {at}: {done.stderr.strip()}")
    return done.stdout if not done.returncode else ""
