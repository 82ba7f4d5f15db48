"""Models that are Python policies, for tests, benchmarks and the offline examples."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence

import anyio

from rlm_runtime._errors import ModelError, ModelReplyError
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Completion, Message, Usage

Policy = Callable[[Sequence[Message]], str | Awaitable[str]]
"""A function that gives the reply to a list of messages; it may be async."""

_PREFIX = "scripted/"
_FREE = ModelInfo(price=Price(prompt=0.0, completion=0.0))


async def ask(policy: Policy, messages: Sequence[Message]) -> str:
    """Get the reply of a policy, sync or async.

    Raises:
        TypeError: The policy gave something other than a str.
    """
    reply = policy(messages)
    if inspect.isawaitable(reply):
        reply = await reply
    if not isinstance(reply, str):
        raise TypeError(f"Cannot use the policy's reply: it is of type {type(reply).__name__!r}")
    return reply


class ScriptedLLM:
    """A model that is a Python policy, or a list of replies that are given in order.

    Its name always starts with `scripted/`, so that no trace can take it for a real model.
    Tokens are estimated at four characters each, and a call costs nothing.
    """

    def __init__(
        self,
        policy: Policy | Sequence[str],
        *,
        name: str = "scripted/policy",
        latency: float = 0.0,
    ) -> None:
        """Make a model of a policy.

        Args:
            policy: Gives the reply to the messages; or the replies themselves.
            name: Gets the prefix `scripted/` where it has none.
            latency: Seconds that every call takes.
        """
        self._policy = policy if callable(policy) else _play(policy)
        self._name = name if name.startswith(_PREFIX) else _PREFIX + name
        self._latency = latency

    def __repr__(self) -> str:
        return f"ScriptedLLM(name={self._name!r})"

    @property
    def name(self) -> str:
        """The name that traces and messages give this model."""
        return self._name

    @property
    def info(self) -> ModelInfo:
        """It costs nothing, and nothing else is known of it."""
        return _FREE

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        """Answer the messages.

        Raises:
            ModelReplyError: The script has ended, or the policy raised.
            ModelError: The policy raised just this, to play a model that fails.
        """
        await anyio.sleep(self._latency)
        try:
            text = await ask(self._policy, messages)
        except ModelError:
            raise
        except Exception as exc:
            raise ModelReplyError(
                f"Cannot get a reply of {self._name!r}: its policy raised "
                f"{type(exc).__name__}: {exc}"
            ) from exc
        usage = Usage(
            calls=1,
            prompt_tokens=estimate_prompt_tokens(messages),
            completion_tokens=estimate_tokens(text),
            cost=0.0,
        )
        return Completion(text=text, model=self._name, usage=usage, finish_reason="stop")


def _play(replies: Sequence[str]) -> Policy:
    if isinstance(replies, str):
        raise TypeError(f"Cannot play {replies!r}: a script is a list of replies, not one str")
    script = tuple(replies)
    remaining = iter(script)

    def play(messages: Sequence[Message]) -> str:
        try:
            return next(remaining)
        except StopIteration:
            raise ModelReplyError(
                f"Cannot give another reply: the script has ended after {len(script)}"
            ) from None

    return play
