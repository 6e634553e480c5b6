"""Who is really asking behind proxies: believed of proxies that the settings name, of nobody else."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The proxies whose word on who asks them counts."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._is_one = lru_cache(1024)(self._look)

    def client(self, peer: str, forwarded_for: Iterable[bytes]) -> str:
        """The address of who asks: *peer*, or who *peer* says it was, as far as proxies can be believed.

        Whatever stands left of an address that is no proxy's was written by whoever is there.
        """
        if not self._networks:
            return peer
        said = [part.strip() for part in b",".join(forwarded_for).decode("latin-1").split(",")]
        at = peer
        while said and self._is_one(at):
            named = _address(said.pop())
            if not named:
                break
            at = named
        return at

    def _look(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return any((mapped or ip) in network for network in self._networks)


def _address(text: str) -> str:
    """An address as proxies write it, without its port; "" for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
