"""The environment that every task of a run gets, from its ref and its repository (reference 4.1)."""

import re
from urllib.parse import urlsplit

from tidemill.core.refs import Ref, RefType

_SCP_LIKE = re.compile(r"(?:[^@/]*@)?([^:/]+):(?!//)")
_SSH_PORT = "22"


def static_environment(
    ref: Ref,
    commit_sha: str,
    repository_url: str,
    *,
    ssh_private_key: str = "",
    ssh_host_key: str = "",
    skip_host_key_check: bool = False,
) -> dict[str, str]:
    """The variables of a run: each `AGOLA_…` and the same as `TIDEMILL_…`, and `CI`.

    The run's number is not among them: who hands out its jobs adds it.
    """
    host, port = _address(repository_url)
    values = {
        "SSHPRIVKEY": ssh_private_key,
        "REPOSITORY_URL": repository_url,
        "GIT_HOST": host,
        "GIT_PORT": port,
        "GIT_BRANCH": ref.name if ref.type is RefType.BRANCH else "",
        "GIT_TAG": ref.name if ref.type is RefType.TAG else "",
        "PULL_REQUEST_ID": ref.name if ref.type is RefType.PULL_REQUEST else "",
        "GIT_REF_TYPE": ref.type.value,
        "GIT_REF": ref.full,
        "GIT_COMMITSHA": commit_sha,
    }
    if ssh_host_key:
        values["SSHHOSTKEY"] = ssh_host_key
    if skip_host_key_check:
        values["SKIPSSHHOSTKEYCHECK"] = "1"
    return {"CI": "true"} | {
        f"{prefix}_{name}": value for prefix in ("AGOLA", "TIDEMILL") for name, value in values.items()
    }


def _address(url: str) -> tuple[str, str]:
    """Host and port of a clone URL; `user@host:path` is understood, and without a port it is 22."""
    if scp := _SCP_LIKE.match(url):
        return scp[1], _SSH_PORT
    parts = urlsplit(url)
    return parts.hostname or "", str(parts.port or _SSH_PORT)
