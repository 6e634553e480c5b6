"""Where etcd is, and what opens it: a URL of its members, certificates, a user."""

import re
from pathlib import Path

import msgspec

from tidemill.errors import BadRequest

#: A name, an IPv4 address or an IPv6 address in brackets, and a port.
_MEMBER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_DEFAULT_PORT = 2379


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """How an installation reaches its etcd. Files are read when they are needed, the password's each time."""

    url: str
    """`etcd://host:port,…`, or `https://host:port,…` with TLS."""
    prefix: str = "tidemill"
    """Every key of the installation begins with it, so that several can share a cluster."""
    ca: Path | None = None
    """The certificates (PEM) that sign those of the members; None: the public ones that grpc knows."""
    cert: Path | None = None
    """Our own certificate (PEM), where the members want one."""
    key: Path | None = None
    """The private key (PEM) of *cert*."""
    user: str = ""
    password_file: Path | None = None

    def members(self) -> list[str]:
        """Host and port of each member; BadRequest when this address cannot be one."""
        scheme, separator, rest = self.url.partition("://")
        if scheme not in {"etcd", "https"} or not separator:
            raise _wrong(self.url, "it begins with etcd:// or https://")
        if scheme == "etcd" and (self.ca or self.cert or self.key):
            raise BadRequest("coordinator.ca, cert and key need TLS; begin coordinator.url with https://")
        if bool(self.cert) != bool(self.key):
            raise BadRequest("coordinator.cert and coordinator.key go together; give both or none")
        if bool(self.user) != bool(self.password_file):
            raise BadRequest("coordinator.user and coordinator.password_file go together; give both or none")
        if not self.prefix.strip("/"):
            raise BadRequest("coordinator.prefix is empty; every installation on an etcd needs its own")
        return [_member(self.url, part) for part in rest.removesuffix("/").split(",")]

    def is_encrypted(self) -> bool:
        return self.url.startswith("https://")

    def root(self) -> str:
        """What every key begins with."""
        return self.prefix.strip("/") + "/"

    def password(self) -> str:
        """The user's password, as its file has it now."""
        return "" if self.password_file is None else contents(self.password_file).decode().strip()


def contents(file: Path) -> bytes:
    """What *file* has; BadRequest with its name when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequest(
            f"{file}: {error.strerror}; the coordinator's settings name a file to read"
        ) from error


def _member(url: str, part: str) -> str:
    member = part.strip()
    if member and not re.search(r":[0-9]+$", member):
        member = f"{member}:{_DEFAULT_PORT}"
    found = _MEMBER.fullmatch(member)
    if found is None or not 0 < int(found[2]) < 1 << 16:
        raise _wrong(url, f"{part!r} is no host:port")
    return member


def _wrong(url: str, why: str) -> BadRequest:
    return BadRequest(f"coordinator.url {url!r}: {why}; write etcd://host:port,host:port or https://…")
