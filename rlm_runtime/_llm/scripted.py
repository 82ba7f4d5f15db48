"""Models that are Python policies, for tests, benchmarks and the offline examples."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import anyio

from rlm_runtime._errors import ModelError
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Completion, Message, Usage

_PREFIX = "scripted/"
_FREE = ModelInfo(price=Price(prompt=0.0, completion=0.0))


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """A reply with more to it than its text; a count that is None is estimated."""

    text: str = ""
    _: KW_ONLY
    reasoning: str = ""
    refusal: str = ""
    """Sent in the place that OpenAI has for it, by the loopback server only."""
    tool_calls: Sequence[Mapping[str, object]] = ()
    """In OpenAI's shape, sent by the loopback server only."""
    finish_reason: str | None = "stop"
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    """What the provider says that it costs; None: it says nothing."""
    first_token_seconds: float = 0.0
    """From the head of the response to its first piece."""
    chunk_seconds: float = 0.0
    """Between two pieces."""
    comment_seconds: float | None = None
    """How often the loopback server sends a comment while it waits; None: never."""

    def usage(self, messages: Sequence[Message]) -> Usage:
        """Count what the reply to these messages uses."""
        prompt, completion, reasoning = (
            self.prompt_tokens,
            self.completion_tokens,
            self.reasoning_tokens,
        )
        spoken = self.text + self.refusal + self.reasoning
        return Usage(
            calls=1,
            prompt_tokens=estimate_prompt_tokens(messages) if prompt is None else prompt,
            cached_tokens=self.cached_tokens,
            completion_tokens=estimate_tokens(spoken) if completion is None else completion,
            reasoning_tokens=estimate_tokens(self.reasoning) if reasoning is None else reasoning,
            cost=self.cost,
        )


Policy = Callable[[Sequence[Message]], str | ScriptedReply | Awaitable[str | ScriptedReply]]
"""A function that gives the reply to a list of messages; it may be async."""


async def ask(policy: Policy, messages: Sequence[Message]) -> ScriptedReply:
    """Get the reply of a policy, sync or async.

    Raises:
        TypeError: The policy gave something that is no reply.
    """
    reply = policy(messages)
    if inspect.isawaitable(reply):
        reply = await reply
    if isinstance(reply, ScriptedReply):
        return reply
    if not isinstance(reply, str):
        raise TypeError(f"Cannot use the policy's reply: it is of type {type(reply).__name__!r}")
    return ScriptedReply(reply)


def cut_to(reply: ScriptedReply, max_tokens: int | None) -> ScriptedReply:
    """Cut a reply as a provider does, reasoning first, that has more tokens than it may have."""
    if max_tokens is None or estimate_tokens(reply.reasoning + reply.text) <= max_tokens:
        return reply
    reasoning = reply.reasoning[: 4 * max_tokens]
    text = reply.text[: 4 * max_tokens - len(reasoning)]
    return replace(reply, reasoning=reasoning, text=text, finish_reason="length")


class ScriptedLLM:
    """A model that is a Python policy, or a list of replies that are given in order.

    Its name always starts with `scripted/`, so that no trace can take it for a real model.
    Tokens are estimated at four characters each, and a call costs nothing.
    """

    def __init__(
        self,
        policy: Policy | Sequence[str | ScriptedReply],
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
            ModelError: The script has ended, or the policy raised: this, to play a model that
                fails, or anything else.
        """
        await anyio.sleep(self._latency)
        try:
            reply = await ask(self._policy, messages)
        except ModelError:
            raise
        except Exception as exc:
            raise ModelError(
                f"Cannot get a reply of {self._name!r}: its policy raised "
                f"{type(exc).__name__}: {exc}"
            ) from exc
        reply = cut_to(reply, options.max_completion_tokens)
        usage = reply.usage(messages)
        return Completion(
            text=reply.text,
            model=self._name,
            usage=usage if usage.cost is not None else replace(usage, cost=0.0),
            reasoning=reply.reasoning,
            finish_reason=reply.finish_reason,
        )


def _play(replies: Sequence[str | ScriptedReply]) -> Policy:
    if isinstance(replies, str):
        raise TypeError(f"Cannot play {replies!r}: a script is a list of replies, not one str")
    script = tuple(replies)
    remaining = iter(script)

    def play(messages: Sequence[Message]) -> str | ScriptedReply:
        try:
            return next(remaining)
        except StopIteration:
            raise ModelError(
                f"Cannot give another reply: the script has ended after {len(script)}"
            ) from None

    return play
