"""JSON schemas of strangers, as signatures that Python reads."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._tools.schema import Parameters, identifier, write_doc, write_schema
from tests.examples import examples

STRING = {"type": "string"}
TYPES: list[tuple[Any, str]] = [
    ({"type": "string"}, "str"),
    ({"type": "integer"}, "int"),
    ({"type": "number"}, "float"),
    ({"type": "null"}, "None"),
    ({"type": "object", "properties": {}}, "dict"),
    ({"type": "array"}, "list"),
    ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
    ({"type": "array", "items": {"type": "array", "items": STRING}}, "list[list[str]]"),
    ({"type": ["string", "null"]}, "str | None"),
    ({"anyOf": [STRING, {"type": "null"}]}, "str | None"),
    ({"anyOf": [STRING, {}]}, ""),
    ({"enum": ["a", 1, None]}, "Literal['a', 1, None]"),
    ({"enum": list(range(20)), "type": "integer"}, "int"),
    ({"const": "x"}, "Literal['x']"),
    ({"$ref": "#/$defs/Item"}, "list[str]"),
    ({"$ref": "#/$defs/Loop"}, ""),
    ({"$ref": "#/nowhere/Item"}, ""),
    ({"type": "integer" * 100}, ""),
    ({"type": 5}, ""),
    ({"enum": ["x" * 300]}, "Literal[...]"),
    ({}, ""),
    (True, ""),
    (None, ""),
]
ROOT = {
    "$defs": {"Item": {"type": "array", "items": STRING}, "Loop": {"$ref": "#/$defs/Loop"}},
}


@pytest.mark.parametrize(("schema", "text"), TYPES)
def test_a_schema_is_written_as_a_type(schema: Any, text: str) -> None:
    assert write_schema(schema, ROOT) == text


ISSUE = {
    "type": "object",
    "properties": {
        "labels": {"type": "array", "items": STRING, "description": "Words\n for it."},
        "title": STRING,
        "max-age": {"type": "integer", "default": 5},
        "class": {"type": "boolean"},
        "max_age": {"type": "number", "default": {"a": 1}},
    },
    "required": ["title", "nowhere"],
}


def test_parameters_are_named_as_python_wants_it() -> None:
    parameters = Parameters(ISSUE, "dict")
    assert str(parameters) == (
        "(title: str, labels: list[str] = ..., max_age: int = 5, class_: bool = ...,"
        " max_age_2: float = {'a': 1}) -> dict"
    )
    assert list(parameters.describe()) == ["    labels: Words for it."]
    assert write_doc(" Make it. ", parameters) == "Make it.\n\nArgs:\n    labels: Words for it."


def test_arguments_are_named_as_the_schema_does() -> None:
    parameters = Parameters(ISSUE)
    given = parameters.arguments(["t", ["a"]], {"class_": True, "max_age_2": 1})
    assert given == {"title": "t", "labels": ["a"], "class": True, "max_age": 1}
    assert parameters.arguments([], {"title": "t", "max-age": 3}) == {"title": "t", "max-age": 3}


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ([], {}, "missing a required argument: 'title'"),
        (["t"], {"other": 1}, "unexpected keyword argument 'other'"),
        (list("abcdef"), {}, "too many positional"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error(
    args: list[Any], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        Parameters(ISSUE).arguments(args, kwargs)


def test_more_parameters_than_anyone_reads_go_by_their_own_names() -> None:
    parameters = Parameters({"properties": {f"p{n}": STRING for n in range(100)}})
    assert len(str(parameters)) < 2000 and str(parameters).endswith("**more)")
    assert parameters.arguments(["a"], {"p99": "z"}) == {"p0": "a", "p99": "z"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("find-book", "find_book"),
        ("2fast", "x2fast"),
        ("__init__", "init__"),
        ("class", "class_"),
        ("été", "t_"),
        ("", "x"),
        ("a" * 500, "a" * 60),
        ("taken", "taken_3"),
    ],
)
def test_any_name_becomes_an_identifier(text: str, name: str) -> None:
    assert identifier(text, taken={"taken": 1, "taken_2": 1}) == name
    assert name.isidentifier()


def test_a_parameter_goes_by_the_name_that_its_signature_has() -> None:
    parameters = Parameters({"properties": {"a-b": {}, "a_b": {}}})
    assert str(parameters) == "(a_b=..., a_b_2=...)"
    assert parameters.arguments([], {"a_b": 1, "a_b_2": 2}) == {"a-b": 1, "a_b": 2}
    assert parameters.arguments([], {"a-b": 1}) == {"a-b": 1}


def test_a_parameter_may_have_the_name_of_what_takes_the_rest() -> None:
    parameters = Parameters({"properties": {"more": STRING} | {f"p{n}": {} for n in range(60)}})
    given = parameters.arguments([], {"more_2": "a", "p59": 1})
    assert given == {"more": "a", "p59": 1}


def test_many_properties_that_are_all_required_take_no_time() -> None:
    names = [f"p{n}" for n in range(50_000)]
    started = time.thread_time()
    Parameters({"properties": dict.fromkeys(names, {}), "required": [*names, ["no"]]})
    assert time.thread_time() - started < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "anyOf", "enum", "default", "$ref"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.dictionaries(st.text(max_size=8), JSON, max_size=5),
    st.lists(st.text(max_size=8)),
    JSON,
    JSON,
)
def test_whatever_a_server_says_the_signature_is_python(
    properties: dict[str, Any], required: list[str], returned: Any, description: Any
) -> None:
    schema = {"properties": properties, "required": required, "$defs": description}
    parameters = Parameters(schema, write_schema(returned, schema))
    (function,) = ast.parse(f"def f{parameters}: pass").body
    assert isinstance(function, ast.FunctionDef)
    assert len(function.args.args) == len(properties)
    write_doc("x", parameters)
