"""The table of configurations that the reader and the JSON Schema are tested with.

Rows are written down in `vectors_agola.py` (reference 1.2 to 2, 6.1, 14) and `vectors_ours.py`.
"""

import textwrap
from typing import Any, NamedTuple

from tidemill.core.definition.nouns import Dialect
from tidemill.kit.formats.reading import read_yaml


class Says(NamedTuple):
    """What reading says: words of the faults, or of the warnings, in their order; nothing when it is right."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Vector(NamedTuple):
    """One configuration and what each dialect says of it."""

    id: str
    text: str
    tidemill: Says
    agola: Says
    beyond_schema: bool = False
    """No schema can say it: names that are known, graphs, expressions, upper and lower case."""

    @property
    def data(self) -> Any:
        """The plain data of its text."""
        return read_yaml(textwrap.dedent(self.text).encode()).data

    def says(self, dialect: Dialect) -> Says:
        """What is expected of one dialect."""
        return self.agola if dialect is Dialect.AGOLA else self.tidemill


def wrong(*faults: str) -> Says:
    """It is refused."""
    return Says(faults=faults)


def odd(*warnings: str) -> Says:
    """It is taken, with warnings."""
    return Says(warnings=warnings)


RIGHT = Says()
IGNORED = "is ignored in `.agola/`: move the configuration to `.tidemill/`"


def row(id: str, text: str, both: Says = RIGHT, *, agola: Says | None = None, beyond: bool = False) -> Vector:
    """A vector; *agola* where Agola's files are read in another way, *beyond* where a schema cannot say it."""
    return Vector(id, text, both, both if agola is None else agola, beyond)


def task(fragment: str) -> str:
    """A configuration whose one task has, beside a name and a runtime, this."""
    return f"runs: [{{name: r, tasks: [{{name: t, runtime: {{type: host}}, {fragment}}}]}}]"


def steps(fragment: str) -> str:
    """A configuration whose one task has these steps."""
    return task(f"steps: [{fragment}]")


def when(fragment: str) -> str:
    """A configuration whose one task has this `when`."""
    return task(f"when: {fragment}")


def runtime(fragment: str) -> str:
    """A configuration whose one task has this runtime."""
    return f"runs: [{{name: r, tasks: [{{name: t, runtime: {fragment}}}]}}]"


def depends(fragment: str) -> str:
    """Tasks a and b, of which b depends on this."""
    a = "{name: a, runtime: {type: host}}"
    return f"runs: [{{name: r, tasks: [{a}, {{name: b, runtime: {{type: host}}, depends: {fragment}}}]}}]"


def run(fragment: str) -> str:
    """A configuration whose one run has, beside a name, this."""
    return f"runs: [{{name: r, {fragment}}}]"


def whole(fragment: str) -> str:
    """A configuration that has, beside a run, this."""
    return f"{{runs: [{{name: r}}], {fragment}}}"


def graph(edges: str) -> str:
    """`b:a c:a,b` as a configuration."""
    pairs = [word.partition(":") for word in edges.split()]
    tasks = ", ".join(
        f"{{name: {name}, runtime: {{type: host}}, depends: [{of.replace(',', ', ')}]}}"
        for name, _, of in pairs
    )
    return f"runs: [{{name: r, tasks: [{tasks}]}}]"


def ignored(id: str, text: str, *, beyond: bool = False) -> Vector:
    """Something that is right in our files, and ignored with a warning in Agola's."""
    return row(id, text, RIGHT, agola=odd(IGNORED), beyond=beyond)


def refused(id: str, text: str, *faults: str, beyond: bool = False) -> Vector:
    """Something that is wrong in our files, and ignored with a warning in Agola's."""
    return row(id, text, wrong(*faults), agola=odd(IGNORED), beyond=beyond)


def pod(service: str) -> str:
    """A pod whose second container has this."""
    return runtime(f"{{containers: [{{image: a}}, {{image: b, {service}}}]}}")


def first(container: str) -> str:
    """A pod whose first container has this."""
    return runtime(f"{{containers: [{{image: a, {container}}}]}}")
