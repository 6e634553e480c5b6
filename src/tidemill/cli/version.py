"""`tidemill version`: of the server, and of this command line."""

from tidemill import __version__
from tidemill.cli.client import Output, Server, ask
from tidemill.cli.output import inert, show


def version(*, server: Server = None, output: Output = "table") -> None:
    """Tell the version of the server and of this command line; `tidemill --version` asks no server.

    For example: tidemill version --gateway-url https://ci.example
    """
    found = ask(server, lambda gateway: gateway.version())
    if output == "json":
        show({"gateway": found.version, "client": __version__}, output)
        return
    print(f"Gateway version:\t{inert(found.version)}")
    print(f"Client version: \t{__version__}")
