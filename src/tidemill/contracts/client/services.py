"""The clients of internal services; made by make fmt from the contracts."""

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values


class ConfigstoreClient(Configstore, Values):
    """All that the configstore answers to others."""


class RunserviceClient(Runservice, Jobs, Fleet, Logs, Feed, Storage):
    """All that the runservice answers to others."""
