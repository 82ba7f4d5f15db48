"""Schemas that are refused: what is not supported, and what is hostile."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from rlm_runtime._answer_types.base import answer_type_of, answer_type_of_text
from rlm_runtime._answer_types.patterns import Pattern
from rlm_runtime._answer_types.schema import parse_schema
from rlm_runtime._errors import ConfigError

DEEP: dict[str, Any] = {}
for _ in range(60):
    DEEP = {"items": DEEP}

BAD: list[tuple[dict[str, Any], str]] = [
    ({"type": "text"}, "at #/type: there is no type 'text'"),
    ({"type": 5}, "at #/type: it is a list, not int"),
    ({"items": [{}]}, "at #/items: a schema is an object, true or false, not list"),
    ({"properties": {"a": {"not": {}}}}, "at #/properties/a: the keyword 'not' is not supported"),
    ({"if": {}}, "the keyword 'if' is not supported"),
    ({"$dynamicRef": "#x"}, "the keyword '$dynamicRef' is not supported"),
    ({"$ref": "https://example.com/schema"}, "'https://example.com/schema' does not point into"),
    ({"$ref": "file:///etc/passwd"}, "does not point into this schema"),
    ({"$ref": "#name"}, "does not point into this schema"),
    ({"$ref": "#/$defs/no"}, "at #/$ref: there is no '#/$defs/no' in this schema"),
    ({"$ref": "#/enum/9", "enum": []}, "there is no '#/enum/9'"),
    ({"$ref": "#"}, "a part of it refers to itself at once"),
    ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#"}]}}}, "at once"),
    ({"items": {"oneOf": [{}, {"$ref": "#/items"}]}}, "a part of it refers to itself at once"),
    ({"properties": []}, "at #/properties: it is an object, not list"),
    ({"required": "a"}, "at #/required: it is a list, not str"),
    ({"required": [1]}, "at #/required: names are str"),
    ({"enum": 5}, "at #/enum: it is a list, not int"),
    ({"minLength": 1.5}, "at #/minLength: it is a number, not float"),
    ({"minimum": "1"}, "at #/minimum: it is a number, not str"),
    ({"minimum": True}, "at #/minimum: it is a number, not bool"),
    ({"multipleOf": 0}, "at #/multipleOf: it cannot be 0"),
    ({"anyOf": {}}, "at #/anyOf: it is a list, not dict"),
    ({"additionalProperties": 5}, "at #/additionalProperties: a schema is an object"),
    ({"pattern": 5}, "at #/pattern: it is text, not int"),
    ({"pattern": "(?=a)"}, "Cannot use the pattern '(?=a)': error: look-around"),
    ({"pattern": "("}, "Cannot use the pattern '('"),
    ({"pattern": "a" * 501}, "Cannot use a pattern of 501 characters: it may have 500"),
    ({"pattern": "(?:a{1,1000}){1,100}x"}, "it repeats too much"),
    ({"pattern": "(?x) a{ 1 , 1000 }"}, "the flag x is not supported"),
    ({"pattern": r"\w{300}"}, "Cannot use the pattern"),
    (DEEP, "it is nested more than 50 levels deep"),
    ({"properties": {str(n): {} for n in range(3_000)}}, "it has more than 2,000 parts"),
    ({"description": "x" * 100_001}, "characters, and may have 100,000"),
    ({"anyOf": [{"pattern": rf"^{n}[a-z]{{900}}$"} for n in range(9)]}, "too large together"),
]


@pytest.mark.parametrize(("schema", "said"), BAD, ids=lambda one: str(one)[:60])
def test_a_schema_that_cannot_be_used_is_told_why(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        answer_type_of(schema)
    assert said in str(caught.value) and len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("[" * 90_000, "it is not JSON"),
        ("[]", "it is of type list, not object"),
        ('{"const": NaN}', "NaN is no JSON"),
        ('{"minimum": 1e999}', "it cannot be inf"),
        ('{"minimum": ' + "9" * 5_000 + "}", "it is not JSON"),
        ('{"items":' * 5_000 + "{}" + "}" * 5_000, "Cannot use this schema"),
    ],
)
def test_a_text_that_is_no_schema_is_told_why(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        answer_type_of_text(text)
    assert said in str(caught.value)


def test_a_schema_that_python_cannot_write_as_json_is_told_why() -> None:
    endless: dict[str, Any] = {}
    endless["items"] = endless
    for schema in (endless, {"const": {1}}, {"const": float("nan")}):
        with pytest.raises(ConfigError, match="Cannot use this schema: it is not JSON"):
            answer_type_of(schema)


def test_references_that_fan_out_take_no_time() -> None:
    definitions = {
        str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}, {"$ref": f"#/$defs/{n + 1}"}]}
        for n in range(20)
    }
    text = json.dumps({"$ref": "#/$defs/0", "$defs": definitions | {"20": {"type": "integer"}}})
    started = time.thread_time()
    parse_schema(text)
    assert time.thread_time() - started < 5


@pytest.mark.parametrize(
    "source",
    [
        r"(?:a{1,1000}){1,10}x",
        r"(\w*\w*\w*){30}x$",
        r"(?i)(?:ab|a|b|ba){1,900}x",
        r"^(a+)+$",
        r"^\d{4}-\d{2}-\d{2}$",
    ],
)
def test_a_pattern_never_takes_long_for_the_texts_that_it_takes(source: str) -> None:
    pattern = Pattern(source)
    started = time.thread_time()
    assert not pattern.is_found_in("ab" * (pattern.most_chars // 2))
    assert time.thread_time() - started < 3


def test_a_text_too_long_for_a_pattern_is_not_tried() -> None:
    value = "a" * 1_000
    answer_type_of({"pattern": "^a+$"}).validate(value)
    with pytest.raises(Exception, match=r"must have 49 characters at most, so that its pattern"):
        answer_type_of({"pattern": "(?:a{1,1000}){1,10}x"}).validate(value)
