"""The clients of internal services; made by make fmt from the contracts."""

from tidemill.contracts.audit import Audit
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.direct_runs import DirectValues
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values


class ConfigstoreClient(
    Audit,
    Configstore,
    DirectValues,
    Organizations,
    Invitations,
    Passwords,
    RemoteSources,
    Sealing,
    Sessions,
    Values,
):
    """All that the configstore answers to others."""


class RunserviceClient(Runservice, Jobs, Fleet, Logs, Feed, Storage):
    """All that the runservice answers to others."""


class NotificationClient(Notification):
    """All that the notification answers to others."""
