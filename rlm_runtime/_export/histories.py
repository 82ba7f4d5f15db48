"""The messages of a node, as its requests and replies give them piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a history."""

    messages: int
    reply: str | None
    trimmed: bool


class History:
    """What a model and a node said to each other; later requests only ever add to it.

    Where older messages were shortened to make room, it keeps them whole.
    """

    def __init__(self) -> None:
        self.trimmed = False
        """Whether the model saw less than this from some request on."""
        self._messages: list[dict[str, str]] = []
        self._reply: str | None = None
        """The newest reply, which no request held so far."""
        self._shortened = False
        self._places: dict[tuple[int, int], _Place] = {}

    @property
    def messages(self) -> list[dict[str, str]]:
        """All messages, the newest reply included."""
        if self._reply is None:
            return list(self._messages)
        return [*self._messages, {"role": "assistant", "content": self._reply}]

    def ask(self, new: Sequence[Mapping[str, str]], *, whole: bool = False) -> None:
        """Take in the messages of a request; `whole` if it is known to hold all of them."""
        added = [{"role": one.get("role", ""), "content": one.get("content", "")} for one in new]
        if not added:
            return
        if self._shortened or self.trimmed and added[0]["role"] == "system":
            # The whole history anew, as long as before and what came since
            self._shortened = False
            known = len(self._messages)
            self._messages += added[known:]
        elif whole or added[0]["role"] == "system":
            self._messages = added
        else:
            if added[0]["role"] != "assistant" and self._reply is not None:
                self._messages.append({"role": "assistant", "content": self._reply})
            self._messages += added
        self._reply = None

    def reply(self, text: str) -> None:
        """Take in the reply to the newest request."""
        self._reply = text

    def trim(self) -> None:
        """Learn that the next request holds all messages, the older ones shortened."""
        self.trimmed = self._shortened = True

    def ran(self, iteration: int, block: int) -> None:
        """Learn that a block of the newest reply was run: a place to come back to."""
        self._places[iteration, block] = _Place(len(self._messages), self._reply, self.trimmed)

    def diverged(self, iteration: int, block: int) -> bool:
        """Forget what came after a block; tell whether it is known."""
        place = self._places.get((iteration, block))
        if place is None:
            return False
        self._messages = self._messages[: place.messages]
        self._reply = place.reply
        self.trimmed, self._shortened = place.trimmed, False
        self._places = {at: one for at, one in self._places.items() if at <= (iteration, block)}
        return True
