"""What this process carries out steps with."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tidemill.pods import Driver
from tidemill.settings import ExecutorSettings

#: Pods that are kept ready at most, 4 MB each, so that the first tasks of a run need not wait for theirs.
PODS_AHEAD = 4


def driver(settings: ExecutorSettings, pods: Path, hidden: Sequence[Path]) -> Driver:
    """The driver that the settings name; pods are below *pods*, and see nothing that is *hidden*."""
    if settings.driver == "null":
        from tidemill.pods.null import NullDriver

        return NullDriver(pods)
    from tidemill.pods.host import HostDriver

    return HostDriver(
        pods,
        hide=list(hidden),
        sandbox="auto",
        pool=min(settings.slots, PODS_AHEAD),
        path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
    )
