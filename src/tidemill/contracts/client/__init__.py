"""Clients of Tidemill for programs: `async with connect_gateway(url, token=…) as tidemill:`.

The public API is spoken by noun: `tidemill.runs.project_run("user/alice/hello", "7")`. Methods have the
names, arguments and answers of the contracts, and of the operations in the API's description.
Clients of the internal services need the installation's service token. Whatever fails is a `Failure`.
`tidemill.contracts.client.sync` has the same without `await`.
"""

from tidemill.contracts.client.connecting import (
    connect_configstore,
    connect_gateway,
    connect_notification,
    connect_runservice,
)
from tidemill.contracts.client.gateway import GatewayClient
from tidemill.contracts.client.paging import each
from tidemill.contracts.client.services import ConfigstoreClient, NotificationClient, RunserviceClient
from tidemill.contracts.client.streams import messages, records
from tidemill.errors import Failure

__all__ = [
    "ConfigstoreClient",
    "Failure",
    "GatewayClient",
    "NotificationClient",
    "RunserviceClient",
    "connect_configstore",
    "connect_gateway",
    "connect_notification",
    "connect_runservice",
    "each",
    "messages",
    "records",
]
