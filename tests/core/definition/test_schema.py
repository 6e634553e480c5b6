"""The JSON Schema says what the reader says, as far as a schema can."""

from typing import Any

import jsonschema
import pytest

from tests.core.definition.test_vectors import VECTORS
from tests.core.definition.vectors import RIGHT, Vector
from tidemill.core.definition.schema import json_schema

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_it_is_a_schema() -> None:
    """Of the draft that it names; every reference leads to a definition, every definition is used."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    references = {text.removeprefix("#/$defs/") for text in _texts(schema, "$ref")}
    assert references == set(schema["$defs"])


def test_every_key_is_described() -> None:
    """Editors show a sentence for each."""
    for properties in _mappings(json_schema(), "properties"):
        for name, about in properties.items():
            if set(about) - {"const", "maxItems", "type", "minItems"}:
                assert about["description"].endswith("."), name


@pytest.mark.parametrize("vector", [v for v in VECTORS if not v.beyond_schema], ids=lambda vector: vector.id)
def test_it_agrees_with_the_reader(vector: Vector) -> None:
    """What is read without a word validates, and nothing else does."""
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(vector.data)]
    assert (not errors) is (vector.tidemill == RIGHT), errors


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.beyond_schema], ids=lambda vector: vector.id)
def test_what_is_beyond_it(vector: Vector) -> None:
    """The rows that are marked as beyond a schema are: it judges them in the other way."""
    assert VALIDATOR.is_valid(vector.data) is (vector.tidemill != RIGHT)


def test_a_file_that_only_includes_is_valid() -> None:
    """Its runs are in other files; the reader sees them together."""
    assert VALIDATOR.is_valid({"include": "ci/checks.yml"})
    assert not VALIDATOR.is_valid({"variables": {}})


@pytest.mark.parametrize(
    "runtime",
    [{"type": "${matrix.kind}", "containers": [{}]}, {"type": "host", "arch": "${matrix.arch}"}],
    ids=["type", "arch"],
)
def test_values_of_a_matrix_may_stand_where_words_are_expected(runtime: dict[str, Any]) -> None:
    """The schema does not know what a placeholder becomes."""
    task = {"name": "t", "runtime": runtime, "matrix": {"axes": {"kind": ["pod"], "arch": ["arm"]}}}
    assert VALIDATOR.is_valid({"runs": [{"name": "r", "tasks": [task]}]})


def _texts(data: Any, key: str) -> list[str]:
    return [value for mapping in _every(data) for name, value in mapping.items() if name == key]


def _mappings(data: Any, key: str) -> list[dict[str, Any]]:
    return [
        value
        for mapping in _every(data)
        for name, value in mapping.items()
        if name == key and "type" in mapping
    ]


def _every(data: Any) -> list[dict[str, Any]]:
    """Every mapping at or below *data*."""
    if isinstance(data, list):
        return [found for item in data for found in _every(item)]
    if not isinstance(data, dict):
        return []
    return [data, *(found for value in data.values() for found in _every(value))]
