"""The clone step: a POSIX script that fetches the run's commit into the working directory."""

import base64
from collections.abc import Mapping

from tidemill.core.plan import CloneStep
from tidemill.work.environment import Environment

#: Who presents the clone token; the gitserver looks at the password alone.
USERNAME = "tidemill"

#: ssh only: keys and known hosts where git's ssh finds them (reference, run configuration 3.2).
_SSH = """\
case "$AGOLA_REPOSITORY_URL" in
http://* | https://* | file://* | /*) ;;
*)
  mkdir -p ~/.ssh
  chmod 700 ~/.ssh
  (umask 077
    if [ -n "${AGOLA_SSHHOSTKEY:-}" ]; then printf '%s\\n' "$AGOLA_SSHHOSTKEY" >>~/.ssh/known_hosts; fi
    if [ -n "${AGOLA_SSHPRIVKEY:-}" ]; then printf '%s\\n' "$AGOLA_SSHPRIVKEY" >~/.ssh/id_rsa; fi
    if [ -n "${AGOLA_SKIPSSHHOSTKEYCHECK:-}" ]; then strict=no; else strict=yes; fi
    cat >>~/.ssh/config <<EOF
Host ${AGOLA_GIT_HOST:-*}
  HostName ${AGOLA_GIT_HOST:-%h}
  Port ${AGOLA_GIT_PORT:-22}
  StrictHostKeyChecking $strict
  PasswordAuthentication no
  IgnoreUnknown PubkeyAcceptedAlgorithms,PubkeyAcceptedKeyTypes
  PubkeyAcceptedAlgorithms +ssh-rsa
  PubkeyAcceptedKeyTypes +ssh-rsa
EOF
  )
  ;;
esac
"""

#: The branch is checked out once, at the commit; the ref is asked for only where the clone lacks it.
#: The log has the clone's command line and git's line about the commit; progress meters are for no reader.
_CLONE = """\
set -x
git clone --quiet --no-checkout{depth} -- "$AGOLA_REPOSITORY_URL" .
{{ set +x; }} 2>/dev/null
commit=${{AGOLA_GIT_COMMITSHA:-}}
here() {{ [ -n "$commit" ] && git cat-file -e "$commit^{{commit}}" 2>/dev/null; }}
here || git fetch --quiet{depth} origin "$AGOLA_GIT_REF" || [ -n "$commit" ]
here || [ -z "$commit" ] || git fetch --quiet{depth} origin "$commit"
set -x
git -c advice.detachedHead=false checkout --no-progress "${{commit:-FETCH_HEAD}}"
"""

_SUBMODULES = "git submodule update --init --recursive{depth}\n"


def clone_script(step: CloneStep) -> str:
    """The commands of a clone step; everything that varies by run comes from the environment."""
    depth = f" --depth {step.depth}" if step.depth else ""
    script = "set -e\n" + _SSH + _CLONE.format(depth=depth)
    if step.recurse_submodules:
        script += _SUBMODULES.format(depth=depth)
    return script


def clone_environment(environment: Mapping[str, str], token: str) -> Environment:
    """What git needs beside the task's environment: the token for this one repository, and no prompts.

    The token travels as configuration in the environment, so it stands in no argument and no file.
    """
    added = {"GIT_TERMINAL_PROMPT": "0"}
    url = environment.get("AGOLA_REPOSITORY_URL", "")
    if token and url.startswith(("http://", "https://")):
        count = environment.get("GIT_CONFIG_COUNT", "")
        index = int(count) if count.isdigit() else 0
        added |= {
            "GIT_CONFIG_COUNT": str(index + 1),
            f"GIT_CONFIG_KEY_{index}": f"http.{url}.extraHeader",
            f"GIT_CONFIG_VALUE_{index}": "Authorization: " + authorization(token),
        }
    return added


def authorization(token: str) -> str:
    """The clone token as HTTP wants it."""
    return "Basic " + base64.b64encode(f"{USERNAME}:{token}".encode()).decode()
