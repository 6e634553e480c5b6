"""`tidemill sealing-key`: the keys that secrets are encrypted under, and a new one that takes over."""

import sys

from cyclopts import App

from tidemill.cli.client import Output, Server, ask
from tidemill.cli.output import show
from tidemill.cli.serving import ConfigFile, DataDir, settings_of
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.sealing_keys import ResealRequest

app = App(name="sealing-key", help="Keys that secrets are encrypted under, for administrators.")

_COLUMNS = {"KEY": "id", "CURRENT": "current", "HERE": "here", "SECRETS": "sealed"}


@app.command(name="list")
def list_keys(*, server: Server = None, output: Output = "table") -> None:
    """List the keys that the server has or that a secret is encrypted under, the current one first.

    For example: tidemill sealing-key list
    """
    show(list(ask(server, lambda gateway: gateway.sealing_keys())), output, columns=_COLUMNS)


@app.command
def new(*, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Put a new key before the others in the server's key file, on the server's machine.

    The server reads it when it is started; the older keys stay, for what is encrypted under them. Then:
    tidemill sealing-key reseal

    For example: tidemill sealing-key new --data-dir /var/lib/tidemill
    """
    from tidemill.serve.keeping import add_key

    settings = settings_of(config, data_dir)
    path = add_key(settings.configstore, settings.data_dir)
    print(f"a new key is the first one in {path}; restart the server, then: tidemill sealing-key reseal")


@app.command
def reseal(*, server: Server = None, output: Output = "table") -> int:
    """Encrypt everything anew that is under older keys, while everybody works on.

    It may be interrupted and begun anew. Once it has said that nothing is left, the older keys can go.

    For example: tidemill sealing-key reseal
    """
    resealed, unopened = ask(server, _all)
    if output == "json":
        show({"resealed": resealed, "unopened": unopened}, output)
    else:
        print(f"{_secrets(resealed)} encrypted anew; what is left under older keys: {_secrets(unopened)}")
    if unopened:
        print("the server's log says why they cannot be opened; do not remove a key", file=sys.stderr)
    return 1 if unopened else 0


async def _all(gateway: Gateway) -> tuple[int, int]:
    """Part by part until everything was looked at; a terminal sees how far it is."""
    total = sum(key.sealed for key in await gateway.sealing_keys())
    is_watched = sys.stderr.isatty()
    resealed, unopened, after = 0, 0, ""
    while True:
        done = await gateway.reseal(ResealRequest(after=after))
        resealed, unopened, after = resealed + done.resealed, unopened + done.unopened, done.next
        if is_watched:
            print(f"\r{resealed:,} of at most {total:,} ", end="", file=sys.stderr, flush=True)
        if not after:
            print(end="\n" if is_watched else "", file=sys.stderr)
            return resealed, unopened


def _secrets(number: int) -> str:
    return f"{number:,} {'secret' if number == 1 else 'secrets'}"
