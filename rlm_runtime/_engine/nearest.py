"""Why a request is not on record: the recorded one that is nearest, and where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlm_runtime._engine.keys import comparable
from rlm_runtime._events import ModelRequested
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._types import Message

_BEFORE_CHARS, _AFTER_CHARS = 30, 60
_MODELS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is not on record."""

    node: int
    iteration: int | None
    """None for a plain completion."""
    model: str
    messages: Sequence[Message]
    key: str


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A recorded request."""

    run: str
    event: ModelRequested
    texts: Sequence[tuple[str, str]]
    """Roles and texts of all its messages, without what differs in each run."""

    @property
    def where(self) -> str:
        return f"{name_request(self.event.node, self.event.iteration)} of run {self.run!r}"


def name_request(node: int, iteration: int | None) -> str:
    """Name a request, by its node and the node's reply that it asks for."""
    if iteration is None:
        return f"a completion for node {node}"
    return f"reply {iteration} of node {node}"


def explain_miss(miss: Request, paths: Sequence[Path]) -> str:
    """Say how a request differs from all that are on record; it reads the traces again.

    Raises:
        TraceError: A trace cannot be read any more.
    """
    asked = [
        (one.role, one.content if miss.iteration is None else comparable(one, at))
        for at, one in enumerate(miss.messages)
    ]
    best: tuple[tuple[int, int], _Recorded] | None = None
    models: set[str] = set()
    for request in _requests(paths):
        models.add(request.event.model)
        if request.event.model == miss.model:
            nearness = _nearness(asked, request.texts)
            if best is None or nearness > best[0]:
                best = (nearness, request)
    if best is None:
        known = ", ".join(map(repr, sorted(models)[:_MODELS_SHOWN])) or "none"
        return f"no request to it is on record; recorded models: {known}"
    return _difference(miss, asked, best[1], best[0][0])


def _difference(
    miss: Request, asked: Sequence[tuple[str, str]], request: _Recorded, same: int
) -> str:
    found, where = request.texts, request.where
    if request.event.key == miss.key:
        return f"{where} is the same, but was never answered"
    if same == len(asked) == len(found):
        return f"{where} has the same messages, but another schema or other settings of the model"
    nearest = f"the nearest recorded request, {where},"
    if same == len(asked):
        return f"{nearest} has {len(found) - same} more messages"
    if same == len(found):
        return f"{nearest} ends before message {same + 1}, {_quote(asked[same][1], 0)}"
    (role, here), (_, there) = asked[same], found[same]
    at = _common_chars(here, there)
    return (
        f"{nearest} differs first in message {same + 1} ({role}), at character {at}:"
        f" {_quote(there, at)} there, {_quote(here, at)} here"
    )


def _quote(text: str, at: int) -> str:
    start, end = max(0, at - _BEFORE_CHARS), at + _AFTER_CHARS
    return f"{'…' if start else ''}{text[start:end]!r}{'…' if end < len(text) else ''}"


def _nearness(
    asked: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]
) -> tuple[int, int]:
    """Count how many messages are the same from the first on, then characters of the next one."""
    same = 0
    for one, other in zip(asked, found, strict=False):
        if one != other:
            return same, _common_chars(one[1], other[1])
        same += 1
    # Of those that are the same so far, the one of the same length
    return same, -abs(len(asked) - len(found))


def _common_chars(one: str, other: str) -> int:
    """Count the characters that two texts begin with alike, however long they are."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _requests(paths: Sequence[Path]) -> Iterator[_Recorded]:
    """Give the requests of traces, each with all of its messages."""
    for path in paths:
        histories: dict[int, list[tuple[str, str]]] = {}
        with open_trace(path) as trace:
            for event in trace.events():
                if not isinstance(event, ModelRequested):
                    continue
                new = [(one.get("role", ""), one.get("content", "")) for one in event.messages]
                if event.iteration is None:
                    yield _Recorded(trace.header.run, event, new)
                    continue
                history = histories.setdefault(event.node, [])
                if new and new[0][0] == "system":
                    # After a trim, and where a node begins, it is all of them
                    history.clear()
                for role, text in new:
                    message = Message(role="user", content=text)
                    known = comparable(message, len(history)) if role == "user" else text
                    history.append((role, known))
                yield _Recorded(trace.header.run, event, tuple(history))
