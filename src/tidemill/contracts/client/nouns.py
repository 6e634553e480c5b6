"""How a client of the public API speaks of each noun."""

from typing import TypeVar

import httpx2

from tidemill.contracts.gateway import PREFIX
from tidemill.kit.connect import connect
from tidemill.kit.contract import Contract

C = TypeVar("C", bound=Contract)


class Nouns:
    """The nouns of the public API behind one connection; each is made when it is first spoken of."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    def _noun(self, contract: type[C]) -> C:
        return connect(contract, self._http, PREFIX, is_service=False)
