"""The model's window: a history that outgrows it is trimmed by rule, and the model is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from rlm_runtime._engine.history import History
from rlm_runtime._errors import ModelContentFilterError, ModelContextWindowError
from rlm_runtime._events import HistoryTrimmed
from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.tokens import estimate_prompt_tokens
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message

Record = Callable[[HistoryTrimmed], None]

_REPLY_TOKENS = 4096
# Four characters a token is an estimate; text that is far from it is no text of this world
_LEAST_RATIO, _MOST_RATIO = 0.25, 8.0


class Window:
    """Keeps the history of one node within its model's window."""

    def __init__(
        self, node: int, llm: LLM, history: History, prompts: Prompts, record: Record
    ) -> None:
        self._node = node
        self._llm = llm
        self._history = history
        self._prompts = prompts
        self._record = record
        self._ratio = 1.0
        """Tokens that the model counts for each that we estimate."""

    def learn(self, completion: Completion) -> None:
        """Learn from what the model counted for the history as it is."""
        estimate = estimate_prompt_tokens(self._history.messages)
        if completion.usage.prompt_tokens > 0 and estimate > 0:
            ratio = completion.usage.prompt_tokens / estimate
            self._ratio = min(_MOST_RATIO, max(_LEAST_RATIO, ratio))

    def make_room(self, iteration: int) -> None:
        """Trim a history that will not fit with room for a reply, where the window is known."""
        info = self._llm.info
        if info.context_tokens is None:
            return
        room = min(
            info.reply_tokens or info.max_completion_tokens or _REPLY_TOKENS,
            info.context_tokens // 4,
        )
        while self._tokens() + room > info.context_tokens:
            if not self._trim(iteration, exceeded=False):
                # It is an estimate; the model itself has the last word
                return

    def shrink(self, iteration: int, error: ModelContextWindowError) -> None:
        """Trim a history that the model found too long.

        Raises:
            ModelContextWindowError: Nothing is left that could be trimmed.
        """
        if self._trim(iteration, exceeded=True):
            return
        raise _too_large(
            f"Cannot go on with node {self._node}: even without its older replies and outputs, its"
            f" messages have {self._history.characters:,} characters",
            error,
        ) from error

    def _trim(self, iteration: int, *, exceeded: bool) -> bool:
        before = self._history.characters
        count = self._history.trim(self._shortened)
        if count:
            characters = before - self._history.characters
            self._history.add_to_last(self._prompts.trimmed())
            self._record(
                HistoryTrimmed(
                    node=self._node,
                    iteration=iteration,
                    messages=count,
                    characters=characters,
                    exceeded=exceeded,
                )
            )
        return count > 0

    def _shortened(self, message: Message, reply: int) -> str:
        what = "your reply" if message.role == "assistant" else "the output of reply"
        return self._prompts.trimmed_message(
            characters=len(message.content), what=what, reply=reply
        )

    def _tokens(self) -> float:
        return self._ratio * estimate_prompt_tokens(self._history.messages)


async def complete_plainly(
    reply: Awaitable[Completion], llm: LLM, messages: Sequence[Message]
) -> Completion:
    """Wait for the reply of a plain completion, for which nobody can be reminded or trimmed.

    Raises:
        ModelContextWindowError: The prompt does not fit; the message says how long it is.
        ModelContentFilterError: The reply was held back.
    """
    try:
        completion = await reply
    except ModelContextWindowError as exc:
        size = sum(len(one.content) for one in messages)
        tokens = estimate_prompt_tokens(messages)
        raise _too_large(
            f"Cannot complete a prompt of {size:,} characters, about {tokens:,} tokens", exc
        ) from exc
    return check_plain(completion, llm)


def check_plain(completion: Completion, llm: LLM) -> Completion:
    """Give a reply of a plain completion that can be used.

    Raises:
        ModelContentFilterError: It was held back.
    """
    if completion.is_filtered:
        raise ModelContentFilterError(
            f"Cannot use the reply of {llm.name!r}: a content filter has held it back"
        )
    return completion


def _too_large(state: str, error: ModelContextWindowError) -> ModelContextWindowError:
    larger = ModelContextWindowError(f"{state}: {error}", status=error.status)
    larger.spent = error.spent
    return larger
