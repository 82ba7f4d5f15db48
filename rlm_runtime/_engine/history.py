"""The messages of a node: only ever added to, so that prompt caches hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rlm_runtime._types import Message, Role


class History:
    """What a node and its model have said to each other."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._sent = 0

    @property
    def messages(self) -> Sequence[Message]:
        """All messages, the system message first; it grows with the history."""
        return self._messages

    def say(self, role: Role, text: str) -> None:
        """Add a message."""
        self._messages.append(Message(role=role, content=text))

    def add_to_last(self, text: str) -> None:
        """Add a paragraph to the newest message, which was not sent yet."""
        newest = self._messages[-1]
        self._messages[-1] = replace(newest, content=f"{newest.content}\n\n{text}")

    def take_new(self) -> tuple[dict[str, str], ...]:
        """Return the messages that no earlier call has taken."""
        new = self._messages[self._sent :]
        self._sent = len(self._messages)
        return tuple({"role": one.role, "content": one.content} for one in new)
