"""Configurations made by Hypothesis: keys that there are, with values that fit and values that do not."""

import json
import warnings
from functools import lru_cache
from typing import Any

import hypothesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tidemill.core.definition.keys import run, step, task, when

BATCH = 200

_words = st.sampled_from(
    [
        *(
            "",
            "a",
            "b",
            "main",
            "test",
            "build (a=1)",
            "~/project",
            "on_success",
            "always",
            "on_failure",
            "push",
            "failed",
        ),
        *(
            "1h30m",
            "10s",
            "-5s",
            "512Mi",
            "1e3",
            "/v.*/",
            "#(#",
            "feature/**",
            "*.md",
            "[",
            "${matrix.a}",
            "${matrix.",
            "${branch}",
        ),
        *(
            "pod",
            "host",
            "amd64",
            "basic",
            "run",
            "clone",
            "choice",
            "number",
            "queue",
            "2",
            "é" * 60,
            "x" * 101,
            "\0",
            "a\nb",
        ),
    ]
)
_scalars = st.one_of(
    _words,
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([10**9, 10**19, 10**30, 0.5, 3.10, 1e400, -0.0]),
    st.text(max_size=8),
)
_junk = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_words, inner, max_size=3)),
    max_leaves=6,
)
_keys = {
    kind.name: list(kind.keys)
    for kind in (
        *(run.WHOLE, run.RUN, run.INPUT, run.CONCURRENCY, run.REGISTRY, run.VALUE),
        *(task.TASK, task.RUNTIME, task.RESOURCES, task.CONTAINER, task.READINESS, task.VOLUME, task.TMPFS),
        *(
            task.MATRIX,
            task.APPROVAL,
            task.RETRY,
            task.DEPEND,
            step.CONTENT,
            when.CONDITIONS,
            when.WHEN,
            *step.STEPS.values(),
        ),
    )
}
#: Which kind of mapping stands at a key, one or a list of them, or by names.
_INNER = {
    "when": "when",
    "runtime": "runtime",
    "matrix": "matrix",
    "retry": "retry",
    "approval": "approval",
    "concurrency": "concurrency",
    "resources": "resources",
    "readiness": "readiness",
    "tmpfs": "tmpfs",
    **dict.fromkeys(("branch", "tag", "ref", "event", "message"), "conditions"),
}
_LISTS = {
    "runs": "run",
    "tasks": "task",
    "containers": "container",
    "volumes": "volume",
    "depends": "depend",
    "contents": "content",
}
_MAPS = {"environment": "value", "docker_registries_auth": "registry", "inputs": "input"}
_FLAGS = ("ignore_failure", "privileged", "tty", "recurse_submodules", "always", "fail_fast")


#: What every mapping of a kind mostly has.
_NEEDED = {
    "configuration": ("runs",),
    "run": ("name",),
    "task": ("name", "runtime"),
    "concurrency": ("group",),
    "retry": ("attempts",),
    "readiness": ("command",),
    "volume": ("tmpfs",),
    "matrix": ("axes",),
    "depend": ("task",),
    "step_run": ("command",),
    "step_save_cache": ("key",),
    "step_restore_cache": ("keys",),
    "step_artifacts": ("paths",),
    "step_reports": ("junit",),
}
_RARE = 20


def _mapping(kind: str) -> st.SearchStrategy[Any]:
    """A mapping with some keys of its kind, rarely with another one."""
    needed = {key: _at(key) for key in _NEEDED.get(kind, ())}
    if kind == "task":
        needed["runtime"] = st.one_of(st.just({"type": "host"}), st.deferred(lambda: _of("runtime")))
    if kind == "value":
        return st.sampled_from(["from_variable", "from_input"]).flatmap(lambda key: st.just({key: "target"}))
    fields = {key: _at(key) for key in _keys[kind] if key not in needed}
    some = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True) if fields else st.just([])

    def of(chosen: list[str]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries(needed | {key: fields[key] for key in chosen})

    whole = some.flatmap(of)
    odd = st.tuples(whole, st.dictionaries(_words, _junk, max_size=1)).map(lambda pair: pair[0] | pair[1])
    return st.integers(1, _RARE).flatmap(lambda turn: odd if turn == _RARE else whole)


@lru_cache
def _of(kind: str) -> st.SearchStrategy[Any]:
    whole = _step() if kind == "step" else _mapping(kind)
    return st.integers(1, 2 * _RARE).flatmap(lambda turn: _junk if turn == 2 * _RARE else whole)


def _step() -> st.SearchStrategy[Any]:
    def of(name: str) -> st.SearchStrategy[Any]:
        body = _mapping(f"step_{name}")
        normal = _mapping(f"step_{name}").map(lambda fields: {"type": name} | fields)
        return st.one_of(body.map(lambda spec: {name: spec}), normal)

    return st.sampled_from(sorted(step.STEPS)).flatmap(of)


@lru_cache
def _at(key: str) -> st.SearchStrategy[Any]:
    """What may stand at *key*: mostly what fits."""
    fitting = _fitting(key)
    return st.integers(1, 4 * _RARE).flatmap(lambda turn: _junk if turn == 4 * _RARE else fitting)


def _fitting(key: str) -> st.SearchStrategy[Any]:
    if key in _FLAGS:
        return st.booleans()
    if key == "steps":
        return st.lists(st.deferred(lambda: _of("step")), max_size=3)
    if key in _LISTS:
        least = 1 if key in ("runs", "containers") else 0
        return st.lists(st.deferred(lambda: _of(_LISTS[key])), min_size=least, max_size=3, unique_by=_name)
    if key in _MAPS:
        inner = st.deferred(lambda: _of(_MAPS[key]))
        return st.dictionaries(
            _names, st.one_of(_words, inner) if key == "environment" else inner, max_size=2
        )
    if key in _INNER:
        return st.one_of(st.deferred(lambda: _of(_INNER[key])), _PLAIN.get(key, st.none()))
    return _PLAIN.get(key, st.sampled_from(["a", "~/project", "/bin/sh -e", "echo ${matrix.a}", "*.md"]))


_durations = st.sampled_from(["10s", "1h30m", "250ms", 0, 15 * 10**9])
_globs = st.lists(st.sampled_from(["**", "*.md", "src/{a,b}/**", "[a-c]?"]), min_size=1, max_size=2)
_patterns = st.sampled_from(["main", "/v.*/", "#^x#", "feature/**", ["a", "b"]])
_texts = st.lists(st.sampled_from(["a", "b", "1"]), min_size=1, max_size=3, unique=True)
_entries = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["a", "b", "1"]), min_size=1)
_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "name": st.deferred(lambda: _names),
    **dict.fromkeys(("task_timeout_interval", "timeout", "interval", "backoff", "expire_after"), _durations),
    **dict.fromkeys(("paths", "paths_ignore", "junit"), _globs),
    **dict.fromkeys(("branch", "tag", "ref", "message"), _patterns),
    **dict.fromkeys(("keys", "choices"), _texts),
    **dict.fromkeys(("cpu", "memory", "size"), st.sampled_from([1, "500m", "1Gi"])),
    "include": st.one_of(_patterns, st.lists(_entries, max_size=2), st.just(["ci/checks.yml"])),
    "exclude": st.one_of(_patterns, st.lists(_entries, max_size=2)),
    "event": st.sampled_from(["push", ["manual", "direct"]]),
    "conditions": st.lists(st.sampled_from(["on_success", "on_failure", "always"]), max_size=2),
    "task": st.sampled_from(["a", "b", "c"]),
    "type": st.sampled_from(["host", "pod", "basic", "string", "choice"]),
    "arch": st.sampled_from(["amd64", "arm64"]),
    "labels": st.one_of(st.just(["gpu"]), st.just({"zone": "eu"})),
    "version": st.just(1),
    "variables": st.dictionaries(_words, _words, max_size=2),
    "group": st.sampled_from(["g", "${branch}-${run}"]),
    "concurrency": st.just("deploy"),
    "superseded": st.sampled_from(["cancel", "queue"]),
    "attempts": st.integers(1, 10),
    "retry": st.integers(1, 10),
    "approval": st.booleans(),
    "approvers": st.integers(1, 10),
    "on": st.just(["lost", "failed"]),
    "exit_codes": st.just([75]),
    "depth": st.integers(1, 5),
    "axes": st.dictionaries(st.sampled_from(["a", "b", "c-d"]), _texts, min_size=1, max_size=3),
    "tmpfs": st.just({}),
}

_names = st.sampled_from(["a", "b", "c", "target", "test"])


def _name(data: Any) -> str:
    """What tells two elements of a list apart."""
    return str(data.get("name", data.get("task", data)) if isinstance(data, dict) else data)


@lru_cache(maxsize=2)
def batch(seed: int) -> list[Any]:
    """As many configurations as make a batch, the same for the same seed."""
    found: list[Any] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_of("configuration"))
    def collect(data: Any) -> None:
        found.append(data)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return found


def written(data: Any, *, as_json: bool) -> bytes:
    """*data* as a file."""
    text = (
        json.dumps(data, ensure_ascii=len(str(data)) % 8 == 0)
        if as_json
        else yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    )
    return text.encode("utf-8", "surrogatepass")
