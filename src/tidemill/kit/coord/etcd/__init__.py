"""The coordinator of an installation of several processes: an etcd cluster (v3), the extra `etcd`.

Of aetcd it uses the messages and stubs. aetcd's own client speaks to one member without TLS, never renews
a token and loses watches, so connections, deadlines and watches are ours.
"""

from tidemill.kit.coord.etcd.address import Address
from tidemill.kit.coord.etcd.coordinator import EtcdCoordinator

__all__ = ["Address", "EtcdCoordinator"]
