"""The code map of ARCHITECTURE.md, made from the first sentence of each module.

`python -m tests.house.codemap` (part of `make fmt`) writes it; test_docs fails when it is stale.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tidemill"
PAGE = ROOT / "ARCHITECTURE.md"
BEGIN = "<!-- code map: made by make fmt -->"
END = "<!-- end of code map -->"


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


def with_map(page: str) -> str:
    """*page* with its code map renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    listing = "\n".join(rows(SOURCE))
    return f"{before}{BEGIN}\n```\n{listing}\n```\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text()))
