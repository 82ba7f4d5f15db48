"""One completion out of the pieces that litellm makes of a provider's stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rlm_runtime._llm.openai_choice import ChoiceReader
from rlm_runtime._llm.openai_errors import ModelErrors
from rlm_runtime._llm.openai_usage import COST_MEMBERS, MOST_TOKENS, read_cost
from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._models import Price
from rlm_runtime._types import Completion, Message, Usage

_COUNTS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt_tokens",),
    "cached": ("prompt_tokens_details", "cached_tokens"),
    "completion": ("completion_tokens",),
    "reasoning": ("completion_tokens_details", "reasoning_tokens"),
}

_PIECE = ("content", "refusal", "reasoning_content", "reasoning")


class LiteLLMReply:
    """Puts a completion together; pieces are objects or mappings in OpenAI's shape."""

    def __init__(
        self,
        errors: ModelErrors,
        messages: Sequence[Message],
        *,
        price: Price | None,
        max_chars: int,
    ) -> None:
        self._errors = errors
        self._messages = messages
        self._price = price
        self._max_chars = max_chars
        self._chars = 0
        self._choice = ChoiceReader()
        self._counts: dict[str, int] = {}
        self._cost: float | None = None
        self._model: str | None = None
        self._seen_piece = False
        self._seen_choice = False

    @property
    def has_text(self) -> bool:
        """Whether a first piece of the reply, or of its reasoning, has come."""
        return self._choice.pieces > 0

    @property
    def is_whole(self) -> bool:
        """Whether no piece of the reply is missing; its usage may still be."""
        return self._choice.finish_reason is not None

    @property
    def _is_counted(self) -> bool:
        completion = self._counts.get("completion")
        whole = completion or (completion == 0 and not self.has_text)
        return bool(self._counts.get("prompt") and whole)

    def take(self, piece: object, *, made: bool = False) -> None:
        """Take the next piece.

        Args:
            piece: Of the provider; or made by litellm, which also makes one of a mere end.
            made: Whether litellm has made it.

        Raises:
            ModelReplyError: They are too long together.
        """
        self._seen_piece = self._seen_piece or not made
        self._take_usage(_get(piece, "usage"))
        model = _get(piece, "model")
        if isinstance(model, str) and model:
            self._model = model
        choices = _get(piece, "choices")
        if isinstance(choices, Sequence) and choices:
            self._take_choice(choices[0])
            self._seen_choice = self._seen_choice or self.has_text or not made

    def end(self, finish_reason: str | None) -> None:
        """Take the finish reason that litellm read, where no piece had one."""
        self._choice.finish_reason = self._choice.finish_reason or finish_reason or None

    def spent(self) -> Usage:
        """Tell what the attempt has used so far; what nobody counted is estimated."""
        completion = self._counts.get("completion", 0)
        if not completion or not self.is_whole:
            # Counts that come before the end are those of the beginning
            written = self._choice.text + self._choice.reasoning
            completion = max(completion, estimate_tokens(written))
        prompt = self._counts.get("prompt") or estimate_prompt_tokens(self._messages)
        usage = Usage(
            calls=1,
            prompt_tokens=prompt,
            cached_tokens=min(self._counts.get("cached", 0), prompt),
            completion_tokens=completion,
            reasoning_tokens=self._counts.get("reasoning", 0),
            cost=self._cost,
        )
        # A gateway that knows no price says 0
        if self._cost or self._price is None:
            return usage
        return replace(usage, cost=self._price.cost(usage))

    def finish(self, *, first: float | None) -> Completion:
        """Give the completion when the stream has ended.

        Raises:
            ModelUnavailableError: The stream ended before the reply did.
            ModelContentFilterError: A filter left nothing of the reply.
            ModelReplyError: There was no reply in it.
        """
        if self._seen_piece and not self._seen_choice:
            raise self._errors.reply("the response holds no choice")
        if not self._seen_choice or not self.is_whole:
            raise self._errors.unavailable("the stream ended before the reply did")
        completion = Completion(
            text=self._choice.text,
            model=self._model or self._errors.model,
            usage=self.spent(),
            reasoning=self._choice.reasoning,
            finish_reason=self._choice.finish_reason,
            seconds_to_first_token=first,
            is_counted=self._is_counted,
        )
        if completion.is_filtered and not completion.text:
            raise self._errors.filtered()
        return completion

    def _take_choice(self, choice: object) -> None:
        given = _get(choice, "delta") or _get(choice, "message")
        piece: dict[str, object] = {name: _get(given, name) for name in _PIECE}
        calls = _get(given, "tool_calls")
        piece["tool_calls"] = [_tool_call(one) for one in calls] if isinstance(calls, list) else []
        self._chars += _chars_of(piece)
        if self._chars > self._max_chars:
            raise self._errors.reply(f"the reply is longer than {self._max_chars} characters")
        self._choice.take({"delta": piece})
        finish_reason = _get(choice, "finish_reason")
        if isinstance(finish_reason, str):
            # The first one is the provider's; litellm may make up another one
            self.end(finish_reason)

    def _take_usage(self, usage: object) -> None:
        if usage is None:
            return
        for name, path in _COUNTS.items():
            value: object = usage
            for step in path:
                value = _get(value, step)
            if isinstance(value, int) and not isinstance(value, bool) and value <= MOST_TOKENS:
                # Providers that count as they go never count backwards
                self._counts[name] = max(value, self._counts.get(name, 0))
        if _get(usage, "cost") is not None:
            self._cost = read_cost({name: _get(usage, name) for name in COST_MEMBERS})


def _get(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _tool_call(call: object) -> dict[str, object]:
    function = _get(call, "function")
    named = {name: _get(function, name) for name in ("name", "arguments")}
    return {"index": _get(call, "index"), "function": named}


def _chars_of(value: object) -> int:
    """Count the characters of all texts in a piece."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(map(_chars_of, value.values()))
        case list():
            return sum(map(_chars_of, value))
    return 0
