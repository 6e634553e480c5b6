"""The same clients without `await`: `with connect_gateway(url, token=…) as tidemill:`.

A client may be used by several threads. Each call ends in time, as those of the other clients do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tidemill.contracts.client import connecting
from tidemill.contracts.client.connecting import PATIENCE
from tidemill.contracts.client.paging import each
from tidemill.contracts.client.streams import messages, records
from tidemill.contracts.client.sync.blocking import Stream, blocking_client
from tidemill.contracts.client.sync.gateway import GatewayClient
from tidemill.contracts.client.sync.services import ConfigstoreClient, NotificationClient, RunserviceClient
from tidemill.errors import Failure


@contextmanager
def connect_gateway(url: str, *, token: str = "", patience: float = PATIENCE) -> Iterator[GatewayClient]:
    """As `tidemill.contracts.client.connect_gateway`."""
    with blocking_client(connecting.connect_gateway(url, token=token, patience=patience)) as (portal, client):
        yield GatewayClient(portal, client)


@contextmanager
def connect_configstore(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> Iterator[ConfigstoreClient]:
    """As `tidemill.contracts.client.connect_configstore`."""
    opened = connecting.connect_configstore(url, service_token=service_token, patience=patience)
    with blocking_client(opened) as (portal, client):
        yield ConfigstoreClient(portal, client)


@contextmanager
def connect_runservice(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> Iterator[RunserviceClient]:
    """As `tidemill.contracts.client.connect_runservice`."""
    opened = connecting.connect_runservice(url, service_token=service_token, patience=patience)
    with blocking_client(opened) as (portal, client):
        yield RunserviceClient(portal, client)


@contextmanager
def connect_notification(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> Iterator[NotificationClient]:
    """As `tidemill.contracts.client.connect_notification`."""
    opened = connecting.connect_notification(url, service_token=service_token, patience=patience)
    with blocking_client(opened) as (portal, client):
        yield NotificationClient(portal, client)


__all__ = [
    "ConfigstoreClient",
    "Failure",
    "GatewayClient",
    "NotificationClient",
    "RunserviceClient",
    "Stream",
    "connect_configstore",
    "connect_gateway",
    "connect_notification",
    "connect_runservice",
    "each",
    "messages",
    "records",
]
