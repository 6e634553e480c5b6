"""One configuration file becomes plans or problems; runs in the child process, so it may take its time."""

from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.reading import read_definition
from tidemill.kit.formats.document import Document, NotReadable
from tidemill.kit.formats.reading import read_yaml
from tidemill.planning.planned import Planned, Problem

_MOST_PROBLEMS = 20
_LATER = {".star": "Starlark", ".jsonnet": "Jsonnet"}


def evaluate(file: str, raw: bytes, context: Context) -> Planned:
    """What the configuration *raw*, found as *file*, means for the context's commit."""
    for extension, language in _LATER.items():
        if file.endswith(extension):
            message = f"{language} is not supported yet: write the configuration as YAML in config.yml"
            return Planned(file=file, problems=(Problem(path=file, message=message),))
    try:
        document = read_yaml(raw)
    except NotReadable as error:
        line, column = error.place or (0, 0)
        problem = Problem(path=file, line=line, column=column, message=error.message)
        return Planned(file=file, problems=(problem,))
    try:
        compiled = compile_definition(read_definition(document.data).definition, context)
    except WrongDefinition as wrong:
        return Planned(file=file, problems=_problems(file, document, wrong.faults))
    return Planned(file=file, plans=compiled.plans, skipped=compiled.skipped)


def _problems(file: str, document: Document, faults: tuple[Fault, ...]) -> tuple[Problem, ...]:
    """The faults in the order of the text; of very many the first ones and a word on the rest."""
    found = []
    for fault in faults:
        line, column = document.place(fault.path, of_key=fault.at_key)
        found.append(Problem(path=file, line=line, column=column, message=fault.message))
    found.sort(key=lambda problem: (problem.line, problem.column))
    rest = len(found) - _MOST_PROBLEMS
    if rest > 0:
        found[_MOST_PROBLEMS:] = [Problem(path=file, message=f"and {rest} more problems")]
    return tuple(found)
