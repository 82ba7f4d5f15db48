"""The root of a run that one completion answers: the whole context is in the model's window."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import anyio.to_thread

from rlm_runtime._answer_types.replies import without_thoughts
from rlm_runtime._engine.contexts import check_sendable
from rlm_runtime._engine.history import as_dicts
from rlm_runtime._engine.leaf import as_text, complete
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.window import check_plain, complete_plainly
from rlm_runtime._errors import InputError, NoAnswerError
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._types import Completion, Message

_CHARS_PER_TOKEN = 4
_MOST_CHARS_UNKNOWN = 400_000
_SHARE_OF_REPLY = 8


def most_prompt_chars(info: ModelInfo) -> int:
    """Tell how long a prompt may be for a model's window, with room for a reply."""
    if info.context_tokens is None:
        return _MOST_CHARS_UNKNOWN
    return (info.context_tokens - info.context_tokens // _SHARE_OF_REPLY) * _CHARS_PER_TOKEN


class DirectNode(Node):
    """A node without iterations and without a sandbox."""

    _reply = ""
    _calls = 0
    _asked: tuple[Message, ...] = ()
    _recorded: tuple[Message, ...] = ()

    async def answer(self) -> object:
        """Ask once; the reply is the answer, or holds the value that the answer type asks for.

        Raises:
            InputError: The context cannot be given as text, or is too long for that.
            LimitExceededError: A call cannot be made, or no reply is a whole answer.
            ModelError: The model failed for good.
        """
        await check_sendable(self.context)
        context = await anyio.to_thread.run_sync(_context_text, self.context)
        system, prompt = self._prompts.direct(), self._prompt(context)
        # No later reply has to be kept back for
        self.iteration = self._tree.limits.max_iterations
        value = await complete(
            partial(self._ask_once, _digest(f"{system}\n{context}")),
            prompts=self._prompts,
            system=system,
            prompt=prompt,
            answer_type=self.answer_type,
            structured=self.llm.info.structured_output,
        )
        given = value if self.answer_type is None else self._reply
        if isinstance(value, str) and not value.strip():
            raise NoAnswerError(
                "Stopped without an answer: the reply is empty", stop_reason="no_answer"
            )
        self.give(value, given)
        await self._note_answer()
        return value

    def warn_of_last_reply(self) -> None:
        """Say nothing: it is known that there is but one, and code is none of it."""

    def messages_if_last(self) -> Sequence[Message]:
        """Give the messages as they are."""
        return self._asked

    def take_new_messages(self) -> tuple[dict[str, str], ...]:
        """Return what the last request of this node did not begin with."""
        known = len(self._recorded)
        new = self._asked[known:] if self._asked[:known] == self._recorded else self._asked
        self._recorded = self._asked
        return as_dicts(new)

    async def _ask_once(
        self, cache_key: str, messages: Sequence[Message], options: CallOptions
    ) -> Completion:
        self._calls += 1
        told = [self._prompts.said(say) for say in self.replay.said(self._calls)]
        newest = replace(messages[-1], content="\n\n".join([messages[-1].content, *told]))
        messages = self._asked = (*messages[:-1], newest)
        past = self.replay.request(self._calls)
        if past is not None and past.completion is not None and past.messages == self._asked:
            completion = check_plain(past.completion, self.llm)
            self._reply = without_thoughts(completion.text)
            return completion
        # Where it had ended before, nothing else tells that it runs again
        self.replay.finish(self._tree.record)
        reply = self._tree.complete(
            self,
            self.llm,
            messages,
            iteration=self._calls,
            options=replace(options, cache_key=cache_key),
        )
        completion = await complete_plainly(reply, self.llm, messages)
        self._reply = without_thoughts(completion.text)
        return completion

    def _prompt(self, context: str) -> str:
        prompt = self.query
        if self.context is not self.query:
            prompt = self._prompts.direct_first(query=self.query, context=context)
        most = most_prompt_chars(self.llm.info)
        if len(prompt) > most:
            raise InputError(
                f"Cannot answer directly: query and context have {len(prompt):,} characters, and"
                f" {most:,} at most go into one prompt for {self.llm.name!r}"
            )
        return prompt


def _context_text(context: object) -> str:
    if isinstance(context, bytes | bytearray):
        raise InputError("Cannot answer directly: the context is bytes, and a prompt is text")
    return as_text(context)


def _digest(text: str) -> str:
    """Name what a prompt begins with, so that other queries about it find its cache."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
