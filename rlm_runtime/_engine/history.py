"""The messages of a node, only ever added to, so that prompt caches hit, until all do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlm_runtime._types import Message, Role

# System message and first message; after them, reply and observation take turns
_FIRST = 2
# The newest reply and what came of it stay whatever happens
_NEWEST = 2
_WORTH_CHARS = 100


class History:
    """What a node and its model have said to each other."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._sent = 0
        self._added: set[str] = set()

    @property
    def messages(self) -> Sequence[Message]:
        """All messages, the system message first; it grows with the history."""
        return self._messages

    @property
    def characters(self) -> int:
        """How long all messages are together."""
        return sum(len(one.content) for one in self._messages)

    def say(self, role: Role, text: str) -> None:
        """Add a message."""
        self._messages.append(Message(role=role, content=text))
        self._added.clear()

    def restore(self, messages: Sequence[Message]) -> None:
        """Be what was sent once; the next call that takes messages takes all of them."""
        self._messages = list(messages)
        self._sent = 0
        self._added.clear()

    def add_to_last(self, *texts: str) -> None:
        """Add paragraphs to the newest message, each once."""
        for text in texts:
            self._messages[-1] = self.with_addition(text)[-1]
            self._added.add(text)

    def with_addition(self, text: str) -> Sequence[Message]:
        """Give the messages as they are once `add_to_last` has added this."""
        if text in self._added or self._messages[-1].content.endswith(f"\n\n{text}"):
            return self._messages
        newest = self._messages[-1]
        added = Message(role=newest.role, content=f"{newest.content}\n\n{text}")
        return [*self._messages[:-1], added]

    def take_new(self) -> tuple[dict[str, str], ...]:
        """Return the messages that no earlier call has taken; after a trim, all of them."""
        new = self._messages[self._sent :]
        self._sent = len(self._messages)
        return as_dicts(new)

    def trim(self, shorten: Callable[[Message, int], str]) -> int:
        """Shorten the oldest replies and observations until half of the text is left.

        `shorten` gives the text that takes the place of a message of the reply of this number.
        Return how many messages were shortened; 0 if none can be.
        """
        goal = self.characters // 2
        left, count = self.characters, 0
        for at in range(_FIRST, len(self._messages) - _NEWEST):
            if left <= goal:
                break
            message = self._messages[at]
            text = shorten(message, at // 2)
            saved = len(message.content) - len(text)
            if saved >= _WORTH_CHARS:
                self._replace(at, text)
                left, count = left - saved, count + 1
        if count:
            self._sent = 0
        return count

    def _replace(self, at: int, text: str) -> None:
        self._messages[at] = Message(role=self._messages[at].role, content=text)


def as_dicts(messages: Sequence[Message]) -> tuple[dict[str, str], ...]:
    """Write messages as events hold them."""
    return tuple({"role": one.role, "content": one.content} for one in messages)
