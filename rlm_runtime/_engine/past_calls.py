"""The model calls in the record of a run: what they asked, what they gave, what they took."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_runtime._engine.past import Charge
from rlm_runtime._events import (
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    usage_of,
)
from rlm_runtime._types import Completion, Message, Role, Usage
from rlm_runtime._usage import estimate_unseen

_MOST_SECONDS = 86400.0
_ROLES: dict[str, Role] = {"system": "system", "assistant": "assistant"}


@dataclass(slots=True)
class OpenCall:
    """A model call that has not ended."""

    request: ModelRequested
    messages: tuple[Message, ...]
    attempt: ModelAttemptStarted | None = None
    """The attempt that is under way."""

    @property
    def worst(self) -> tuple[int, int] | None:
        """The most tokens of prompt and reply that the attempt under way can take."""
        if self.attempt is None or self.attempt.completion_tokens is None:
            return None
        return max(0, self.attempt.prompt_tokens), max(0, self.attempt.completion_tokens)


@dataclass(slots=True)
class CallsPast:
    """Follows the model calls, and what they took."""

    charges: list[Charge] = field(default_factory=list)
    made: dict[int, int] = field(default_factory=dict)
    """How many calls each node made."""
    next_number: int = 0
    _open: dict[int, OpenCall] = field(default_factory=dict)
    _histories: dict[int, list[Message]] = field(default_factory=dict)

    def begin(self, event: ModelRequested) -> OpenCall:
        """Note a request; give it with all of its messages."""
        new = [_message(one) for one in event.messages]
        if event.iteration is not None:
            history = self._histories.setdefault(event.node, [])
            if new and new[0].role == "system":
                history.clear()
            history.extend(new)
            new = history
        call = OpenCall(event, tuple(new))
        self._open[event.call] = call
        self.made[event.node] = self.made.get(event.node, 0) + 1
        self.next_number = max(self.next_number, event.call + 1)
        return call

    def attempt(self, event: ModelAttemptStarted) -> None:
        """Note that an attempt was sent."""
        if (call := self._open.get(event.call)) is not None:
            call.attempt = event

    def fail_attempt(self, event: ModelAttemptFailed) -> None:
        """Note what an attempt took that failed."""
        if (call := self._open.get(event.call)) is not None:
            usage = usage_of(event)
            begun = usage.prompt_tokens + usage.completion_tokens > 0
            self._charge(call, usage, worst=call.worst if begun else None)
            call.attempt = None

    def reply(self, event: ModelReplied) -> tuple[OpenCall, Completion] | None:
        """Note a reply; give it with what was asked."""
        call = self._open.pop(event.call, None)
        if call is None:
            return None
        completion = completion_of(event)
        worst = None if event.counted else call.worst
        self._charge(call, completion.usage, worst=worst, is_recalled=bool(event.recalled))
        return call, completion

    def fail(self, event: ModelFailed) -> OpenCall | None:
        """Note that there is no reply; give what was asked, unless nobody waits for it."""
        call = self._open.pop(event.call, None)
        if call is None:
            return None
        if event.attempts == 0 and not event.cancelled:
            # It was never sent, and given back
            self.made[call.request.node] -= 1
            return None
        if event.cancelled:
            self._charge(call, usage_of(event), worst=call.worst)
        return None if event.cancelled else call

    def break_off(self, mono: float) -> None:
        """Note that the process ended at this time: what is under way may be billed."""
        for call in self._open.values():
            if call.attempt is not None:
                self._charge(call, _estimate(call, call.attempt, mono), worst=call.worst)
        self._open.clear()

    def forget_open(self) -> None:
        """Leave out what is under way."""
        for call in self._open.values():
            self.made[call.request.node] -= 1
        self._open.clear()

    def _charge(
        self,
        call: OpenCall,
        usage: Usage,
        *,
        worst: tuple[int, int] | None = None,
        is_recalled: bool = False,
    ) -> None:
        self.charges.append(
            Charge(
                node=call.request.node,
                model=call.request.model,
                usage=usage,
                worst=worst,
                is_recalled=is_recalled,
            )
        )


def _message(one: dict[str, str]) -> Message:
    role = _ROLES.get(one.get("role", ""), "user")
    return Message(role=role, content=one.get("content", ""))


def completion_of(reply: ModelReplied) -> Completion:
    """Give a reply as the model gave it."""
    return Completion(
        text=reply.text,
        model=reply.model,
        usage=usage_of(reply),
        reasoning=reply.reasoning,
        finish_reason=reply.finish_reason,
        seconds_to_first_token=reply.seconds_to_first_token,
        is_counted=reply.counted,
    )


def _estimate(call: OpenCall, attempt: ModelAttemptStarted, mono: float) -> Usage:
    """Guess what an attempt took that nobody saw the end of; its cost is for who knows prices."""
    most = attempt.completion_tokens
    return estimate_unseen(
        call.messages,
        min(max(0.0, mono - attempt.mono), _MOST_SECONDS),
        most_prompt_tokens=max(0, attempt.prompt_tokens),
        most_completion_tokens=None if most is None else max(0, most),
    )
