"""Typed answers through the real sandbox and over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import pytest

from rlm_runtime import RLM, Limits, Message
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

LEAF = Prompts.load().leaf()
TYPES = """
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal, NamedTuple, Required, TypedDict

class Kind(Enum):
    NOVEL = "novel"

class Book(TypedDict, total=False):
    title: Required[Annotated[str, "as printed"]]
    year: int | None
    kind: Kind
    parts: list["Book"]

@dataclass
class Shelf:
    books: list[Book]
    size: Literal["S", "L"] = "S"
"""
BOOKS = """
shelf = await llm_query("list", context, schema=Shelf)
assert type(shelf) is dict, shelf
try:
    llm_query("list", schema=set[str])
except TypeError as error:
    refused = str(error)
answer = [shelf, refused]
"""
WRONG = "FINAL({'books': [{'title': 'a', 'parts': [{'year': 1.5}]}]})"
RIGHT = "FINAL({'books': [{'title': 'a', 'kind': 'novel', 'parts': ({'title': 'b'},)}]})"


@dataclass
class Report:
    total: int
    words: list[str]


async def test_types_of_the_repl_are_followed_by_a_child_and_by_the_root() -> None:
    told: list[str] = []

    def policy(messages: Sequence[Message]) -> str:
        told.append(messages[-1].content)
        replies = len(messages) // 2
        if asked(messages) == "list":
            return repl(WRONG if replies == 1 else RIGHT)
        if replies == 1:
            return repl(TYPES + BOOKS, "FINAL({'total': 'two'})")
        return repl("FINAL({'total': '1', 'words': [str(answer)]})")

    with anyio.fail_after(50):
        async with RLM(ScriptedLLM(policy), trace_dir=None) as rlm:
            answer = (await rlm.run("root", context="the books", output_type=Report)).answer
    assert isinstance(answer, Report) and answer.total == 1
    shelf = "{'books': [{'title': 'a', 'kind': 'novel', 'parts': ({'title': 'b'},)}]}"
    assert answer.words[0].startswith(f"[{shelf}, 'schema= does not take set; it takes str, int")
    rejected = [text for text in told if "AnswerRejectedError" in text]
    assert "answer.total: input should be a valid integer" in rejected[-1]
    assert "answer.words: field required" in rejected[-1]
    assert "answer.books[0].parts[0]: must have the key 'title'" in rejected[0]
    assert "answer.books[0].parts[0].year: must be integer or null, found 1.5" in rejected[0]


async def test_completions_follow_the_types_of_the_repl_over_http() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            word = messages[1].content[0]
            return json.dumps({"answer": [word] if len(messages) > 2 or word == "a" else word})
        code = "FINAL(await llm_query_batched(['a', 'b'], schema=list[Word], recursive=False))"
        return repl("from typing import Literal\nWord = Literal['a', 'b']", code)

    info = ModelInfo(structured_output=True)
    with anyio.fail_after(50):
        async with (
            open_loopback_server(policy) as server,
            open_openai(base_url=server.base_url, api_key=None) as endpoint,
            RLM(endpoint.model("m", info), trace_dir=None, limits=Limits(max_depth=1)) as rlm,
        ):
            result = await rlm.run("root")
    assert result.answer == [["a"], ["b"]] and result.usage.calls == 4
    formats = [request.body.get("response_format") for request in server.requests]
    word = {"type": "string", "enum": ["a", "b"]}
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "array", "items": word}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    named = {"name": "answer", "schema": schema, "strict": True}
    assert formats == [None] + [{"type": "json_schema", "json_schema": named}] * 3


async def test_a_large_answer_is_judged_whole() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    model = ScriptedLLM(
        [repl("FINAL([*map(str, range(300_000)), 5])"), repl("FINAL([*map(str, range(300_000))])")]
    )
    with anyio.fail_after(50):
        async with RLM(model, trace_dir=None) as rlm:
            answer = (await rlm.run("root", output_type=schema)).answer
    assert answer == [str(n) for n in range(300_000)]
