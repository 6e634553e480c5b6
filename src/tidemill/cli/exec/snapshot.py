"""A repository that holds a working tree as it is, uncommitted changes included, for tasks to clone."""

import shutil
from pathlib import Path

import msgspec

from tidemill.cli.checkout import Head, configured, current_branch, git, head, look
from tidemill.core.refs import Ref, branch
from tidemill.errors import BadRequest

_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "tidemill exec"), ("EMAIL", "exec@localhost"))
}


#: Settings of a repository by which git decides what of a file is recorded.
_CONVERTING = ("core.autocrlf", "core.eol", "core.filemode", "core.symlinks", "core.ignorecase")
_CONVERTING_BELOW = ("filter.", "core.attributesfile", "core.excludesfile", "core.precomposeunicode")


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What of a working tree is recorded, and as what commit."""

    untracked: bool = True
    """Also files that git does not know yet."""
    ignored: bool = False
    """Also files that git ignores."""
    alone: str = ""
    """A commit without parents, with this message; "" is one behind what is checked out, which is that
    itself where nothing has changed."""


AS_IT_IS = Contents()


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the repository that a working tree belongs to."""

    git_dir: Path
    head: Head
    branch: str
    """"" when no branch is checked out."""
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
    done = look(tree, "rev-parse", *asked)
    if not done:
        return None
    top, git_dir, object_format = done.splitlines()
    if Path(top).resolve() != tree.resolve():
        return None
    return Origin(
        git_dir=Path(git_dir), head=head(tree), branch=current_branch(tree), object_format=object_format
    )


def take_snapshot(tree: Path, place: Path, ref: Ref | None = None, contents: Contents = AS_IT_IS) -> Snapshot:
    """Record *tree* in a new repository *place*; the one it belongs to is only read.

    Raises BadRequest where git is missing, Internal where it fails.
    """
    if shutil.which("git") is None:
        raise BadRequest("git is missing; on Debian: apt-get install git")
    origin = find_origin(tree)
    object_format = origin.object_format if origin else "sha1"
    git(tree, "init", "--quiet", "--bare", f"--object-format={object_format}", str(place))
    needed = (place, *(_borrow(origin, place) if origin else ()))
    commit = _record(tree, place, origin, contents)
    ref = ref or branch(origin.branch if origin and origin.branch else "main")
    git(place, "update-ref", ref.full, commit)
    git(place, "symbolic-ref", "HEAD", ref.full)
    message = contents.alone or (origin.head.message if origin else "")
    return Snapshot(repository=place, commit=commit, ref=ref, message=message, needed=needed)


def _borrow(origin: Origin, place: Path) -> tuple[Path, ...]:
    """Let *place* find the objects of *origin* where they are, and know what git does not look at."""
    common = Path(git(origin.git_dir, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    objects = common / "objects"
    (place / "objects/info/alternates").write_text(f"{objects}\n")
    for name in ("shallow", "info/exclude", "info/attributes"):
        if (common / name).is_file():
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(common / name, place / name)
    if (origin.git_dir / "index").is_file():  # what has not changed need not be read again
        shutil.copyfile(origin.git_dir / "index", place / "index")
    further = objects / "info/alternates"
    lent = further.read_text().splitlines() if further.is_file() else []
    return (objects, *(objects / line for line in lent if line and not line.startswith("#")))


def _record(tree: Path, place: Path, origin: Origin | None, contents: Contents) -> str:
    inside = {"GIT_DIR": str(place)}
    where = inside | {"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(place / "index")}
    which: tuple[str, ...] = ("--all",) if contents.untracked else ("--update",)
    if contents.ignored:
        which = ("--all", "--force")
    settings = {"core.bare": "false"} | (_converting(origin) if origin else {}) | {"core.safecrlf": "false"}
    git(tree, "add", *which, "--", ".", environment=where | configured(settings))
    written = git(tree, "write-tree", environment=where | configured(settings)).strip()
    last, message = ("", contents.alone) if contents.alone or not origin else origin.head
    if last and git(tree, "rev-parse", f"{last}^{{tree}}", environment=inside).strip() == written:
        return last
    parents = ("-p", last) if last else ()
    arguments = ("commit-tree", written, *parents, "-m", message or "Working tree")
    return git(tree, *arguments, environment=inside | _IDENTITY).strip()


def _converting(origin: Origin) -> dict[str, str]:
    """What the repository itself says of how files are recorded."""
    listed = look(origin.git_dir, "config", "--list", "-z")
    pairs = (entry.partition("\n") for entry in listed.split("\0"))
    return {key: value for key, _, value in pairs if key in _CONVERTING or key.startswith(_CONVERTING_BELOW)}
