"""Whom the gateway asks: the services behind it, each by its contracts."""

from typing import NamedTuple

from tidemill.contracts.audit import Audit
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.direct_runs import DirectValues
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.gitserver import Gitserver
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage


class Asked(NamedTuple):
    """Every contract that the gateway asks by."""

    configstore: Configstore
    audit: Audit
    sources: RemoteSources
    sealing: Sealing
    passwords: Passwords
    sessions: Sessions
    organizations: Organizations
    invitations: Invitations
    direct_values: DirectValues
    runservice: Runservice
    logs: Logs
    feed: Feed
    storage: Storage
    fleet: Fleet
    gitserver: Gitserver
    notification: Notification
