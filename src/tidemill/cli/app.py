"""The root of the command line: which commands there are, loaded when they are used."""

import io
import signal
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError

from tidemill import __version__
from tidemill.cli.direct_runs import COMMANDS, with_user_first
from tidemill.cli.output import print_no_more
from tidemill.cli.usage import WRONG_USAGE
from tidemill.errors import Failure

#: How the scripts of `tidemill completion` ask what a line may become.
COMPLETE = ["__complete", "--"]


def _shown_default(value: object) -> str | None:
    """A default as help shows it; "nothing" and "no" go without saying."""
    return str(value) if value or type(value) is int else None


app = App(
    name="tidemill",
    version=__version__,
    help="CI/CD that starts as one command and grows into a cluster.",
    help_format="plaintext",
    default_parameter=Parameter(show_default=_shown_default),
)
app.command(
    "tidemill.cli.serving:serve",
    name="serve",
    help="Run services: all of them, or some (--components).\n\nFor example: tidemill serve",
)
app.command(
    "tidemill.cli.demo:demo",
    name="demo",
    help="Start everything, push this repository, watch its run.\n\nFor example: tidemill demo",
)
app.command(
    "tidemill.cli.lint:lint",
    name="lint",
    help="Check configurations, without a server.\n\nFor example: tidemill lint",
)
app.command(
    "tidemill.cli.plan:plan",
    name="plan",
    help="Show which runs a configuration would make, and why.\n\nFor example: tidemill plan --branch main",
)
app.command(
    "tidemill.cli.exec.command:exec_", name="exec", help="Run a configuration here and now, without a server."
)
app.command("tidemill.cli.serving:config", name="config", help="The server's settings: show.")
app.command(
    "tidemill.cli.logging_in:login",
    name="login",
    help="Log in at a server; its token is kept here.\n\nFor example: tidemill login https://ci.example",
)
app.command(
    "tidemill.cli.logging_in:logout",
    name="logout",
    help="Forget a login, and delete its token.\n\nFor example: tidemill logout",
)
app.command(
    "tidemill.cli.logging_in:whoami",
    name="whoami",
    help="Who you are, and at which server.\n\nFor example: tidemill whoami",
)
app.command(
    "tidemill.cli.logging_in:password",
    name="password",
    help="Set your password.\n\nFor example: tidemill password",
)
app.command(
    "tidemill.cli.version:version",
    name="version",
    help="The version of the server.\n\nFor example: tidemill version -u https://ci.example",
)
app.command("tidemill.cli.completion:app", name="completion", help="Completion for bash, zsh and fish.")
app.command(
    "tidemill.cli.organizations:app",
    name="org",
    help="Organizations: create, list, update, delete, member, invitation.",
)
app.command(
    "tidemill.cli.project_groups:app",
    name="projectgroup",
    help="Project groups: create, list, update, delete, secret, variable.",
)
app.command(
    "tidemill.cli.remote_sources:app",
    name="remotesource",
    help="Git hosts, for administrators: create, list, update, delete.",
)
app.command("tidemill.cli.deliveries:app", name="delivery", help="What webhooks were told: list, redeliver.")
app.command(
    "tidemill.cli.audit:audit",
    name="audit",
    help="Who has done what, when and from where.\n\nFor example: tidemill audit --project user/alice/hello",
)
app.command("tidemill.cli.users:app", name="user", help="Users: create, list, delete, token, linkedaccount.")
app.command(
    "tidemill.cli.projects:app",
    name="project",
    help="Projects: create, list, update, delete, secret, variable, and more.",
)
app.command(
    "tidemill.cli.secrets:app",
    name="secret",
    help="Secrets of projects and project groups: create, list, update, delete.",
)
app.command(
    "tidemill.cli.variables:app",
    name="variable",
    help="Variables that mean secrets: create, list, update, delete.",
)
app.command(
    "tidemill.cli.runs:app",
    name="run",
    help="Runs: list, get, watch, explain, log, tests, restart, stop, approve, and more.",
)
app.command(
    "tidemill.cli.directrun:app",
    name="directrun",
    help="The working tree, uncommitted changes included, as a run on the server: start.",
)
app.command("tidemill.cli.pushes:app", name="push", help="What became of pushes: list, explain.")
app.command("tidemill.cli.artifacts:app", name="artifact", help="Files kept with a run: list, get.")
app.command(
    "tidemill.cli.events:events",
    name="events",
    help="What happens to runs, as it happens.\n\nFor example: tidemill events user/alice/hello",
)
app.command("tidemill.cli.caches:app", name="cache", help="Files kept for later runs: list, delete.")
app.command(
    "tidemill.cli.executors:app",
    name="executor",
    help="Executors, for administrators: list, show, drain, pause, resume, delete.",
)
app.command(
    "tidemill.cli.sealing_keys:app",
    name="sealing-key",
    help="Keys that secrets are encrypted under, for administrators: list, new, reseal.",
)
app.command("tidemill.cli.logs:app", name="log", help="Logs of a run's steps: get (-f follows), delete.")


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code is 0, 1 for a failure, 2 for a wrong command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is shown as an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = _with_globals_behind(arguments)
        answer = _do(arguments)
        sys.stdout.flush()  # here, where a reader that has left is known
    except CycloptsError as error:
        return _complain(
            _sentence(error), f"see: {' '.join(['tidemill', *_command(arguments)])} --help", code=2
        )
    except Failure as error:
        return _complain(error.message, code=2 if error.code == WRONG_USAGE else 1)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        print_no_more()  # the reader of our output has left
        return 0
    except OSError as error:
        print_no_more()
        return _complain(
            f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}"
        )
    return answer if isinstance(answer, int) else 0


def _do(arguments: Sequence[str]) -> object:
    if list(arguments[:2]) == COMPLETE:
        return _complete(arguments[2:])
    return app(_with_owner(arguments), exit_on_error=False, print_error=False, result_action="return_value")


_GLOBAL_VALUES = ("--gateway-url", "-u", "--token")
_GLOBAL_FLAGS = ("--debug", "-d", "--detailed-errors")


def _with_globals_behind(arguments: Sequence[str]) -> list[str]:
    """What Agola's client takes before the command too, behind the words of the command."""
    rest, moved = list(arguments), list[str]()
    while rest and rest[0].partition("=")[0] in (*_GLOBAL_VALUES, *_GLOBAL_FLAGS):
        count = 2 if rest[0] in _GLOBAL_VALUES else 1
        moved += rest[:count]
        del rest[:count]
    if not moved or not rest:
        return list(arguments)
    words = len(_command(rest))
    return [*rest[:words], *moved, *rest[words:]]


def _complete(words: Sequence[str]) -> int:
    """Print what the last of *words* may become, a line each; what is wrong is no shell's business."""
    from tidemill.cli.completing import candidates

    try:
        for candidate in candidates(app, words):
            print(candidate)
    except (Failure, CycloptsError, KeyboardInterrupt):
        return 1
    return 0


def _with_owner(arguments: Sequence[str]) -> list[str]:
    """A user's direct runs are named as a project is, also where they are given with `--user`."""
    if not arguments or arguments[0] not in COMMANDS:
        return list(arguments)
    return with_user_first(arguments, len(_command(arguments)))


def _command(arguments: Sequence[str]) -> Sequence[str]:
    """The words of *arguments* that name a command that exists."""
    words, _, _ = app.parse_commands(list(arguments))
    return words


def _sentence(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"unexpected argument: {' '.join(error.unused_tokens or ())}"
    if isinstance(error, MissingArgumentError) and error.argument and error.keyword is None:
        name = error.argument.name
        return f"{name.lstrip('-').upper() if error.argument.index is not None else name} is missing"
    return str(error).removesuffix(".")


def _complain(*sentences: str, code: int = 1) -> int:
    text = "; ".join(" ".join(sentence.split()) for sentence in sentences)
    print(f"tidemill: {text}", file=sys.stderr)
    return code
