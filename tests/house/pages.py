"""The generated parts of the pages: the code map, the public API's routes, and the states of runs.

`python -m tests.house.pages` (part of `make fmt`) writes them, and the modules of `tests.house.clients`;
test_docs fails when they are stale.
"""

import ast
from collections.abc import Callable
from pathlib import Path

from tests.house import clients, permission_pages
from tidemill.contracts.gateway import Gateway
from tidemill.core import transitions
from tidemill.core.explaining import codes
from tidemill.core.transitions import Transition
from tidemill.kit.contract import endpoints

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tidemill"
BEGIN = "<!-- made by make fmt -->"
END = "<!-- end of what is made -->"


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
    return " ".join(text.split())


def rows(folder: Path, depth: int = 0) -> list[str]:
    """One line a module, packages before what is in them."""
    lines = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        indent = "  " * depth
        if path.is_dir() and (path / "__init__.py").exists():
            lines.append(f"{indent}{path.name}/  {sentence(path / '__init__.py')}".rstrip())
            if path.name != "versions":
                lines += rows(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py" and "migrations" not in path.parts:
            lines.append(f"{indent}{path.name}  {sentence(path)}")
    return lines


def code_map() -> str:
    """Every module with its first sentence."""
    return "```\n" + "\n".join(rows(SOURCE)) + "\n```"


def routes() -> str:
    """Every route of the public API with what it answers."""
    lines = ["| route | what it does |", "|---|---|"]
    for endpoint in endpoints(Gateway):
        sentence = " ".join(endpoint.doc.split("\n\n")[0].split())
        lines.append(f"| `{endpoint.verb} {endpoint.path}` | {sentence} |")
    return "\n".join(lines)


def states() -> str:
    """The states of runs and tasks: drawn, and in a table with what moves them."""
    return "\n\n".join(
        f"### {title}\n\n{_drawn(table)}\n\n{_listed(table)}"
        for title, table in (("Of a run", transitions.RUN), ("Of a task", transitions.TASK))
    )


def _drawn(table: tuple[Transition, ...]) -> str:
    after = {one.after for one in table}
    final = sorted(after - {one.before for one in table})
    lines = [f"    {one.before or '[*]'} --> {one.after}" for one in table]
    return "\n".join(
        ["```mermaid", "stateDiagram-v2", *lines, *(f"    {state} --> [*]" for state in final), "```"]
    )


def _listed(table: tuple[Transition, ...]) -> str:
    lines = [f"| {f'`{one.before}`' if one.before else ''} | `{one.after}` | {one.by} |" for one in table]
    return "\n".join(["| from | to | when |", "|---|---|---|", *lines])


def reasons() -> str:
    """The codes of explanations with what each means."""
    tables = (
        ("Codes of runs", codes.RUN),
        ("Codes of tasks", codes.TASK),
        ("Codes of steps", codes.STEP),
        ("Codes of pushed refs", codes.PUSHED_REF),
    )
    parts = []
    for title, table in tables:
        lines = [f"| `{code}` | {meaning} |" for code, meaning in table.items()]
        parts.append("\n".join([f"### {title}", "", "| code | meaning |", "|---|---|", *lines]))
    return "\n\n".join(parts)


#: Which page holds which generated parts, in their order.
MADE: dict[Path, tuple[Callable[[], str], ...]] = {
    ROOT / "ARCHITECTURE.md": (code_map,),
    ROOT / "docs" / "api.md": (routes,),
    ROOT / "docs" / "runs.md": (states, reasons),
    ROOT / "docs" / "permissions.md": (permission_pages.actions, permission_pages.route_rights),
}


def renewed(page: Path) -> str:
    """The text of *page* with its generated parts made anew."""
    done, rest = "", page.read_text()
    for make in MADE[page]:
        before, _, rest = rest.partition(BEGIN)
        _, _, rest = rest.partition(END)
        done += f"{before}{BEGIN}\n{make()}\n{END}"
    return done + rest


if __name__ == "__main__":
    for module, make in clients.MADE.items():
        module.write_text(make())
    for page in MADE:
        page.write_text(renewed(page))
