"""Plain completions: replies that are cut off, and replies that must follow a schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from rlm_runtime._answer_types.base import answer_type_of
from rlm_runtime._engine.leaf import complete
from rlm_runtime._errors import LimitExceededError, ModelError, NoAnswerError
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message, Usage

pytestmark = pytest.mark.anyio

LIST: dict[str, Any] = {"type": "array", "items": {"type": "integer"}}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@dataclass
class Asked:
    """Plays replies, those that end with a § being cut off there, and keeps what was asked."""

    replies: list[str]
    cut_reason: str = "length"
    messages: list[list[str]] = field(default_factory=list)
    schemas: list[object] = field(default_factory=list)

    async def __call__(self, messages: Sequence[Message], options: CallOptions) -> Completion:
        self.messages.append([message.content for message in messages])
        self.schemas.append(options.schema)
        if not self.replies:
            raise LimitExceededError("No call is left", stop_reason="max_calls")
        text = self.replies.pop(0)
        if text == "400":
            raise ModelError("Invalid schema for response_format", status=400)
        reason = self.cut_reason if text.endswith("§") else "stop"
        return Completion(
            text=text.removesuffix("§"), model="m", usage=Usage(), finish_reason=reason
        )

    async def get(self, schema: object = None, *, structured: bool = False) -> object:
        return await complete(
            self,
            prompts=Prompts.load(),
            system="system",
            prompt="prompt",
            answer_type=None if schema is None else answer_type_of(schema),
            structured=structured,
        )


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        (["plain"], "plain"),
        ([" as it is\n"], " as it is\n"),
        ([""], ""),
        (["<think>hm</think>\nplain"], "plain"),
        (["one§", " two"], "one two"),
        (["one§", "<think>hm</think> two§", "\nthree"], "one two\nthree"),
        (["<think>a</think>one§", " two"], "one two"),
    ],
)
async def test_a_text_is_given_whole_and_without_thoughts(replies: list[str], text: str) -> None:
    asked = Asked(list(replies))
    assert await asked.get() == text
    assert len(asked.messages) == len(replies) and not any(asked.schemas)


async def test_a_reply_that_was_cut_off_is_continued_where_it_stopped() -> None:
    asked = Asked(["one§", " two"])
    await asked.get()
    assert asked.messages[1] == ["system", "prompt", "one", Prompts.load().leaf_continue()]


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
async def test_a_reply_is_continued_whatever_the_provider_calls_its_end(reason: str) -> None:
    assert await Asked(["one§", " two"], cut_reason=reason).get() == "one two"
    with pytest.raises(NoAnswerError, match="cut off"):
        await Asked(["§"], cut_reason=reason).get()


@pytest.mark.parametrize(
    ("replies", "partial", "calls"),
    [
        (["one§", " two§", " three§"], "one two three", 3),
        (["§"], "", 1),
        (["<think>long thoughts§"], "", 1),
    ],
)
async def test_a_reply_that_does_not_end_is_an_error_with_what_there_is(
    replies: list[str], partial: str, calls: int
) -> None:
    asked = Asked(list(replies))
    with pytest.raises(NoAnswerError, match="cut off at the model's length limit") as caught:
        await asked.get()
    assert (caught.value.stop_reason, caught.value.partial) == ("no_answer", partial)
    assert len(asked.messages) == calls


async def test_a_limit_in_mid_reply_keeps_what_there_is() -> None:
    for schema, replies in ((None, ["one§"]), (LIST, ["one"])):
        with pytest.raises(LimitExceededError) as caught:
            await Asked(list(replies)).get(schema)
        assert (caught.value.stop_reason, caught.value.partial) == ("max_calls", "one")


async def test_the_schema_is_in_the_prompt_for_every_model() -> None:
    asked = Asked(["[1, 2]"])
    assert await asked.get(LIST) == [1, 2]
    assert asked.schemas == [None]
    told = asked.messages[0][1]
    assert told.startswith("prompt\n\n") and '{"type": "array", "items": {"type": ' in told


async def test_a_long_schema_is_cut_in_the_prompt_and_not_sent() -> None:
    asked = Asked(["[1]"])
    await asked.get(LIST | {"description": "x" * 90_000}, structured=True)
    assert asked.schemas == [None]
    assert len(asked.messages[0][1]) < 21_000 and "characters left out" in asked.messages[0][1]


async def test_a_model_with_structured_output_gets_an_object_for_its_root() -> None:
    asked = Asked(['{"answer": [1, 2]}', '{"name": "x"}'])
    assert await asked.get(LIST, structured=True) == [1, 2]
    assert await asked.get(PERSON, structured=True) == {"name": "x"}
    wrapped, plain = asked.schemas
    assert isinstance(wrapped, dict) and wrapped["properties"] == {"answer": LIST}
    assert plain == PERSON
    assert '"properties": {"answer": ' in asked.messages[0][1]


async def test_a_provider_that_refuses_the_schema_is_asked_without() -> None:
    asked = Asked(["400", '{"answer": [1]}'])
    assert await asked.get(LIST, structured=True) == [1]
    assert isinstance(asked.schemas[0], dict) and asked.schemas[1:] == [None]
    with pytest.raises(ModelError):
        await Asked(["400", "400", "[1]"]).get(LIST, structured=True)
    with pytest.raises(ModelError):
        await Asked(["400", "[1]"]).get(LIST)


async def test_a_mismatch_is_answered_with_path_and_reason() -> None:
    asked = Asked(['[1, "2"]', "Sorry.", "[1, 2]"])
    assert await asked.get(LIST) == [1, 2]
    assert asked.messages[1][2] == '[1, "2"]'
    assert "answer[1]: must be integer, found '2'" in asked.messages[1][3]
    assert asked.messages[2][4:] == ["Sorry.", asked.messages[2][5]]
    assert "there is no JSON in the reply" in asked.messages[2][5]


async def test_three_mismatches_are_an_error_with_the_last_text() -> None:
    asked = Asked(["a", "b", "<think>hm</think>c", "[1]"])
    with pytest.raises(
        NoAnswerError, match="3 replies did not follow the schema, the last: answer"
    ):
        await asked.get(LIST)
    asked = Asked(["a", "b", "<think>hm</think>c", "[1]"])
    with pytest.raises(NoAnswerError) as caught:
        await asked.get(LIST, structured=True)
    assert caught.value.partial == "c" and len(asked.messages) == 3


async def test_a_reply_that_holds_nothing_leaves_the_one_before_it() -> None:
    with pytest.raises(NoAnswerError, match="cut off") as caught:
        await Asked(["one", "§"]).get(LIST)
    assert caught.value.partial == "one"


async def test_a_value_that_was_cut_off_is_joined() -> None:
    asked = Asked(["[1, 2§", "3, 4]"])
    assert await asked.get(LIST, structured=True) == [1, 23, 4]
    assert asked.schemas[1] is None, "the rest of a value follows no schema"


async def test_a_type_of_python_gives_its_objects() -> None:
    assert await Asked(["[1, 2, 2]"]).get(set[int]) == {1, 2}
