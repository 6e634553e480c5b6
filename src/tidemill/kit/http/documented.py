"""What sources say of fields: the docstring below each, which is not there any more when a program runs."""

import ast
import inspect
import sys


class FieldDocs:
    """Reads sources, and remembers them for as long as it lives."""

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, ast.ClassDef]] = {}

    def of(self, cls: type) -> dict[str, str]:
        """The sentences below the fields of *cls*, a struct or a typed dictionary, its bases' too."""
        node = self._classes(cls.__module__).get(cls.__name__)
        if node is None:
            return {}
        found: dict[str, str] = {}
        for name in (base.id for base in node.bases if isinstance(base, ast.Name)):
            base = getattr(sys.modules[cls.__module__], name, None)  # a typed dictionary has lost its bases
            if isinstance(base, type):
                found |= self.of(base)
        return found | _own(node)

    def _classes(self, module: str) -> dict[str, ast.ClassDef]:
        """Those of a module by name; none where there is no source."""
        if module not in self._modules:
            try:
                body = ast.parse(inspect.getsource(sys.modules[module])).body
            except (OSError, TypeError, KeyError):
                body = []
            self._modules[module] = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
        return self._modules[module]


def _own(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[field.target.id] = " ".join(below.value.value.split())
    return found
