"""What a reply is made of, where litellm's pieces have odd forms."""

from __future__ import annotations

import pytest

from rlm_runtime._errors import ModelReplyError, ModelUnavailableError
from rlm_runtime._llm.litellm_reply import LiteLLMReply
from rlm_runtime._llm.openai_errors import ModelErrors
from rlm_runtime._models import Price
from rlm_runtime._types import Completion, Message, Usage


def reply(max_chars: int = 100) -> LiteLLMReply:
    errors = ModelErrors(model="p/m", url="p", api_key=None)
    messages = [Message(role="user", content="12345678")]
    return LiteLLMReply(errors, messages, price=None, max_chars=max_chars)


def piece(text: str | None, **more: object) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}, **more}]}


def test_a_reply_without_end_is_bounded() -> None:
    endless = reply(max_chars=100)
    for _ in range(10):
        endless.take(piece("x" * 10))
    with pytest.raises(ModelReplyError, match="longer than 100 characters"):
        endless.take(piece("x"))


def test_pieces_of_no_known_form_do_no_harm() -> None:
    odd = reply()
    pieces: list[object] = [
        None,
        3,
        "text",
        {},
        {"choices": []},
        {"choices": [None]},
        {"usage": "x"},
    ]
    for value in pieces:
        odd.take(value)
    usage = {"prompt_tokens": True, "completion_tokens": "9", "cost": float("nan")}
    odd.take({**piece(None, finish_reason="stop"), "usage": usage, "model": 5})
    completion = odd.finish(first=None)
    assert (completion.text, completion.model, completion.finish_reason) == ("", "p/m", "stop")
    assert completion.usage == Usage(calls=1, prompt_tokens=2, cost=None)


def test_an_end_that_litellm_made_up_is_no_reply() -> None:
    made = reply()
    made.take(piece(None, finish_reason="stop"), made=True)
    with pytest.raises(ModelUnavailableError):
        made.finish(first=None)
    made.take(piece("hi"), made=True)
    assert made.finish(first=None).text == "hi"


def test_a_count_that_came_before_the_end_is_not_the_last() -> None:
    cut = reply()
    cut.take({"usage": {"prompt_tokens": 50, "completion_tokens": 1}})
    cut.take(piece("x" * 40))
    assert (cut.spent().prompt_tokens, cut.spent().completion_tokens) == (50, 10)
    cut.end("stop")
    assert cut.spent().completion_tokens == 1


def finish(usage: object) -> Completion:
    whole = reply()
    whole.take({**piece("hi", finish_reason="stop"), "usage": usage})
    return whole.finish(first=None)


def test_a_reply_says_whether_the_provider_counted_it() -> None:
    assert finish({"prompt_tokens": 9, "completion_tokens": 1}).is_counted
    assert not finish({"prompt_tokens": 9, "completion_tokens": 0}).is_counted
    assert not finish({"completion_tokens": 1}).is_counted
    assert not finish(None).is_counted


def test_a_key_of_the_users_own_is_billed_in_two_parts() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "cost": 0.25, "is_byok": True}
    assert finish({**usage, "cost_details": {"upstream_inference_cost": 0.5}}).usage.cost == 0.75
    # What the provider below takes is not known
    assert finish(usage).usage.cost is None


def test_counts_that_cannot_be_make_no_negative_cost() -> None:
    priced = LiteLLMReply(
        ModelErrors(model="p/m", url="p", api_key=None),
        [],
        price=Price(prompt=10.0, completion=1.0, cached=1.0),
        max_chars=100,
    )
    counts = {
        "prompt_tokens": 10,
        "completion_tokens": 10**400,
        "prompt_tokens_details": {"cached_tokens": 1000},
    }
    priced.take({**piece("hi", finish_reason="stop"), "usage": counts})
    usage = priced.finish(first=None).usage
    assert (usage.cached_tokens, usage.completion_tokens) == (10, 1)
    assert usage.cost == pytest.approx(11e-6)
