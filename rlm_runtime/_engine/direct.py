"""The root of a run that one completion answers: the whole context is in the model's window."""

from __future__ import annotations

import hashlib
import json
import re

import anyio.to_thread

from rlm_runtime._engine.contexts import check_sendable
from rlm_runtime._engine.node import Node
from rlm_runtime._errors import InputError, NoAnswerError
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._plain import to_plain
from rlm_runtime._types import Completion

_CHARS_PER_TOKEN = 4
_MOST_CHARS_UNKNOWN = 400_000
_SHARE_OF_REPLY = 8
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_NOT_WHOLE = ("length", "content_filter")


def most_prompt_chars(info: ModelInfo) -> int:
    """Tell how long a prompt may be for a model's window, with room for a reply."""
    if info.context_tokens is None:
        return _MOST_CHARS_UNKNOWN
    return (info.context_tokens - info.context_tokens // _SHARE_OF_REPLY) * _CHARS_PER_TOKEN


class DirectNode(Node):
    """A node without iterations and without a sandbox."""

    async def answer(self) -> object:
        """Ask once; the reply is the answer.

        Raises:
            InputError: The context cannot be given as text, or is too long for that.
            LimitExceededError: The call cannot be made, or its reply is no whole answer.
            ModelError: The model failed for good.
        """
        await check_sendable(self.context)
        context = await anyio.to_thread.run_sync(_as_text, self.context)
        system = self._prompts.direct()
        self._history.say("system", system)
        self._history.say("user", self._prompt(context))
        completion = await self._tree.complete(
            self,
            self.llm,
            self._history.messages,
            iteration=1,
            options=CallOptions(cache_key=_digest(f"{system}\n{context}")),
        )
        self._tree.answered(self)
        return self._whole(completion)

    def warn_of_last_reply(self) -> None:
        """Say nothing: there is but one reply, and code is none of it."""

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

    def _whole(self, completion: Completion) -> str:
        """Take the reply as the answer, if it is all there."""
        text = _THOUGHTS.sub("", completion.text, count=1)
        problem = None
        if not text.strip():
            problem = "the reply is empty"
        elif completion.finish_reason in _NOT_WHOLE:
            problem = f"the reply was cut ({completion.finish_reason})"
        if problem is not None:
            raise NoAnswerError(
                f"Stopped without an answer: {problem}",
                stop_reason="no_answer",
                partial=text.strip() or None,
            )
        return text


def _as_text(context: object) -> str:
    if isinstance(context, str):
        return context
    if isinstance(context, bytes | bytearray):
        raise InputError("Cannot answer directly: the context is bytes, and a prompt is text")
    plain, _ = to_plain(context)
    return json.dumps(plain, ensure_ascii=False)


def _digest(text: str) -> str:
    """Name what a prompt begins with, so that other queries about it find its cache."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
