"""Which servers somebody has logged in at: addresses and tokens, in a file that only its owner can read."""

import os
import tempfile
from pathlib import Path

import msgspec

from tidemill.errors import BadRequest

_FILE = "logins.json"


class Logins(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by the addresses of servers."""

    current: str = ""
    """The server of the last login; "" when there is none."""
    tokens: dict[str, str] = {}
    made: dict[str, str] = {}
    """Names of those that a login has made, by address."""

    def __repr__(self) -> str:
        return f"Logins({self.current!r}, {sorted(self.tokens)})"

    def token(self, url: str) -> str:
        """The token for a server; "" when nobody has logged in there. It goes to no other."""
        return self.tokens.get(plain(url), "")

    def with_login(self, url: str, token: str, name: str) -> "Logins":
        """And this one, which is the current one then; *name* is that of a token that it has made."""
        rest = self.without(url)
        made = {plain(url): name} if name else {}
        return Logins(
            current=plain(url), tokens={**rest.tokens, plain(url): token}, made={**rest.made, **made}
        )

    def without(self, url: str) -> "Logins":
        """All but this one; the current one is another then, if there is another."""
        rest = {at: token for at, token in self.tokens.items() if at != plain(url)}
        current = self.current if self.current in rest else next(reversed(rest), "")
        made = {at: name for at, name in self.made.items() if at in rest}
        return Logins(current=current, tokens=rest, made=made)


def plain(url: str) -> str:
    """An address as it is kept."""
    return url.rstrip("/")


def path() -> Path:
    """Where logins are kept."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".config") / "tidemill" / _FILE


def read_logins() -> Logins:
    """What is kept; raises BadRequest for a file that is not ours."""
    where = path()
    try:
        return msgspec.json.decode(where.read_bytes(), type=Logins)
    except FileNotFoundError:
        return Logins()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"{where} is not a file of logins: {error}; remove it and log in again") from error
    except OSError as error:
        raise BadRequest(f"{where} cannot be read: {error.strerror}") from error


def write_logins(logins: Logins) -> None:
    """Keep *logins* instead of what was kept; nobody else can read them, at no time."""
    where = path()
    try:
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=where.parent, prefix=_FILE)  # of mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(logins), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(where)
    except OSError as error:
        raise BadRequest(f"{where} cannot be written: {error.strerror}") from error
