"""One configuration becomes plans or problems; runs in the child process, so it may take its time."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tidemill.core.compile import compile_definition
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.nouns import Definition, Dialect
from tidemill.core.definition.reading import read_definition
from tidemill.core.when import When
from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.template_text import read
from tidemill.planning.documents import Setting
from tidemill.planning.frames import Question
from tidemill.planning.including import Whole, gather
from tidemill.planning.planned import AGOLA_FOLDER, Planned, Problem, Severity
from tidemill.planning.problems import in_order
from tidemill.planning.repository import Commit, Repository


def evaluate(question: Question, repository: Repository) -> Planned:
    """What the configuration of *question* means for its context; more files come from *repository*."""
    file, context = question.file, question.context
    dialect = Dialect.AGOLA if file.startswith(f"{AGOLA_FOLDER}/") else Dialect.TIDEMILL
    commit = Commit(repository, context.changed_files)
    whole, problems = gather(file, question.raw, Setting(context, dialect, commit))
    if whole is None:
        return _planned(file, problems, (file,), strict=question.strict)
    planned = _compile(whole, question, commit, dialect)
    odd = [each for part in whole.parts for each in (*part.duplicates(dialect), *part.word_keys())]
    found = [*planned.problems, *planned.warnings, *odd]
    return _planned(file, found, (part.file for part in whole.parts), planned, strict=question.strict)


def _compile(whole: Whole, question: Question, commit: Commit, dialect: Dialect) -> Planned:
    try:
        reading = read_definition(whole.data, dialect, _wrong_with)
        warnings = _problems(whole, reading.warnings, Severity.WARNING)
        context = question.context
        if _asks_for_changes(reading.definition):
            context = replace(context, changed_files=commit.changed())
        compiled = compile_definition(reading.definition, context)
    except WrongDefinition as wrong:
        return Planned(
            problems=_problems(whole, wrong.faults, Severity.ERROR),
            warnings=_problems(whole, wrong.warnings, Severity.WARNING),
        )
    return Planned(
        plans=compiled.plans, skipped=compiled.skipped, warnings=warnings, decisions=compiled.decisions
    )


def _wrong_with(template: str) -> str:
    """What the step that uses the *template* of a cache's key would complain about; "" for nothing."""
    try:
        read(template)
    except ToolFailure as failure:
        return str(failure)
    return ""


def _problems(whole: Whole, faults: Iterable[Fault], severity: Severity) -> tuple[Problem, ...]:
    found = []
    for fault in faults:
        part, path = whole.origin(fault.path)
        found.append(part.problem(replace(fault, path=path), severity))
    return tuple(found)


def _planned(
    file: str, found: list[Problem], files: Iterable[str], planned: Planned | None = None, *, strict: bool
) -> Planned:
    """What was *found* sorted out: errors leave no plans; strictly, warnings are errors."""
    if strict:
        found = [replace(problem, severity=Severity.ERROR) for problem in found]
    files = tuple(files)
    errors = in_order((each for each in found if each.severity is Severity.ERROR), files)
    warnings = in_order((each for each in found if each.severity is Severity.WARNING), files)
    if errors or planned is None:
        return Planned(file=file, problems=errors, warnings=warnings)
    return replace(planned, file=file, problems=(), warnings=warnings)


def _asks_for_changes(definition: Definition) -> bool:
    return any(when.paths or when.paths_ignore for when in _whens(definition) if when is not None)


def _whens(definition: Definition) -> Iterator[When | None]:
    for run in definition.runs:
        yield run.when
        for task in run.tasks:
            yield task.when
            yield from (step.when for step in task.steps)
