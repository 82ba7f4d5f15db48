"""Plain completions: one model call without a REPL, or a few where its reply cannot be used."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn

import anyio.to_thread

from rlm_runtime._answer_types.base import AnswerMismatchError, AnswerType
from rlm_runtime._answer_types.provider import for_provider
from rlm_runtime._answer_types.replies import read_answer, without_thoughts
from rlm_runtime._errors import LimitExceededError, ModelError, NoAnswerError
from rlm_runtime._excerpt import excerpt
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._plain import to_plain
from rlm_runtime._prompts import Prompts
from rlm_runtime._sandbox.base import SubCall, SubCallError
from rlm_runtime._types import Completion, Message

MAX_PROMPT_CHARS = 500_000
_MAX_SCHEMA_CHARS = 20_000
_MAX_REPLIES = 3
_MAX_CONTINUATIONS = 2

Ask = Callable[[Sequence[Message], CallOptions], Awaitable[Completion]]
"""Makes one model call, which counts as such."""


async def prompt_of(call: SubCall) -> str:
    """Join prompt and context of a sub-call to one text.

    Raises:
        SubCallError: It is longer than any window.
    """
    prompt = call.prompt
    if call.context is not None:
        text = call.context
        if not isinstance(text, str):
            text = await anyio.to_thread.run_sync(as_text, text)
        prompt = f"{prompt}\n\n{text}"
    if len(prompt) > MAX_PROMPT_CHARS:
        raise SubCallError(
            f"Cannot make this sub-call: its prompt and context have {len(prompt):,} characters"
            f" together, and a plain completion takes {MAX_PROMPT_CHARS:,} at most",
            stop_reason="error",
        )
    return prompt


async def complete(
    ask: Ask,
    *,
    prompts: Prompts,
    system: str,
    prompt: str,
    answer_type: AnswerType | None = None,
    structured: bool = False,
) -> object:
    """Get the reply to a prompt: its text, or the value of `answer_type` that it holds.

    `structured` tells that the model takes a schema. A reply that is no such value is answered
    with what is wrong with it, twice at most; one that was cut off is continued, twice at most.

    Raises:
        NoAnswerError: No reply could be used; `partial` is the text of the last one.
        LimitExceededError: No call is left for it.
    """
    history = [Message(role="system", content=system), Message(role="user", content=prompt)]
    if answer_type is None:
        return without_thoughts(await _whole_reply(ask, history, prompts, NO_OPTIONS))
    return await _complete_typed(ask, history, prompts, answer_type, structured)


async def _complete_typed(
    ask: Ask, history: list[Message], prompts: Prompts, answer_type: AnswerType, structured: bool
) -> object:
    schema, wrapped = for_provider(answer_type.json_schema) if structured else (None, False)
    told = prompts.leaf_schema(schema=_told(schema or answer_type.json_schema))
    history[-1] = replace(history[-1], content=f"{history[-1].content}\n\n{told}")
    options = CallOptions(schema=schema)
    text = faults = ""
    for _ in range(_MAX_REPLIES):
        if faults:
            history.append(Message(role="assistant", content=text))
            history.append(Message(role="user", content=prompts.leaf_mismatch(faults=faults)))
        try:
            text = await _whole_reply(ask, history, prompts, options, partial=text)
        except ModelError as exc:
            if options.schema is None or not _refuses_schema(exc):
                raise
            options = NO_OPTIONS
            text = await _whole_reply(ask, history, prompts, options, partial=text)
        try:
            return await anyio.to_thread.run_sync(
                partial(read_answer, answer_type, text, wrapped=wrapped)
            )
        except AnswerMismatchError as exc:
            faults = str(exc)
    _give_up(f"{_MAX_REPLIES} replies did not follow the schema, the last: {faults}", text)


async def _whole_reply(
    ask: Ask,
    history: Sequence[Message],
    prompts: Prompts,
    options: CallOptions,
    *,
    partial: str = "",
) -> str:
    """Get a reply to its end, however often the provider cuts it off."""
    completion = await _ask(ask, history, options, partial)
    text = completion.text
    for _ in range(_MAX_CONTINUATIONS):
        # Where it only thought until then, it would do the same again
        if not completion.is_cut or not without_thoughts(text).strip():
            break
        so_far = Message(role="assistant", content=text)
        more = Message(role="user", content=prompts.leaf_continue())
        completion = await _ask(ask, [*history, so_far, more], NO_OPTIONS, text)
        text += without_thoughts(completion.text)
    if completion.is_cut:
        _give_up("the reply was cut off at the model's length limit", text or partial)
    return text


async def _ask(
    ask: Ask, messages: Sequence[Message], options: CallOptions, partial: str
) -> Completion:
    try:
        return await ask(messages, options)
    except LimitExceededError as exc:
        exc.partial = exc.partial or without_thoughts(partial) or None
        raise


def _refuses_schema(error: ModelError) -> bool:
    """Tell whether it may be the schema that a provider does not take: each has its own subset."""
    return type(error) is ModelError and error.status in (400, 422)


def _give_up(reason: str, text: str) -> NoReturn:
    raise NoAnswerError(
        f"Stopped without an answer: {reason}",
        stop_reason="no_answer",
        partial=without_thoughts(text),
    )


def _told(schema: Mapping[str, object]) -> str:
    return excerpt(json.dumps(schema, ensure_ascii=False), _MAX_SCHEMA_CHARS)


def as_text(context: object) -> str:
    """Give a context as a prompt has it: a str as it is, anything else as JSON."""
    if isinstance(context, str):
        return context
    plain, _ = to_plain(context)
    return json.dumps(plain, ensure_ascii=False)
