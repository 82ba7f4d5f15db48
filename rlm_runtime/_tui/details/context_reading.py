"""Reading a node's context, and all that its code printed or sent, to map one on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import anyio.to_thread

from rlm_runtime._errors import TraceError
from rlm_runtime._events import CodeExecuted, NodeStarted, SubCallStarted
from rlm_runtime._printable import one_line
from rlm_runtime._tui.beside import run_beside
from rlm_runtime._tui.record.context_map import ContextMap, Found, Part, Use
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.record.text_matching import Matcher
from rlm_runtime._tui.source import Source

_MOST_PARTS = 20_000
_MOST_TEXTS = 3000
_MOST_CHARS = 16 * 2**20
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class _Told:
    """A text that was printed or sent."""

    position: int
    use: Use
    name: str
    text: str


class _Budget:
    """How much more is looked at."""

    def __init__(self) -> None:
        self.texts, self.chars, self.left_out = _MOST_TEXTS, _MOST_CHARS, 0

    def takes(self, chars: int) -> bool:
        """Tell whether there is room for a text; note it if not."""
        if self.texts <= 0 or self.chars <= 0 or chars > self.chars:
            self.left_out += 1
            # To have read it took long too
            self.chars //= 2 if chars else 1
            return False
        self.texts -= 1
        self.chars -= chars
        return True


async def read_context_map(source: Source, record: Record, entry: Entry) -> ContextMap:
    """Find out what of a node's context was printed or sent, as far as its record goes.

    Raises:
        TraceError: The context is not in the trace, or too large.
    """
    count, children = len(entry.events), len(entry.children)
    ref = context_ref(record, entry)
    if not ref:
        raise TraceError("The context of this node is not on record")
    context = await source.value(ref)
    budget = _Budget()
    told = await _printed(source, record, entry, count, budget)
    sent, whole = await _sent(source, record, entry, children, ref, budget)
    told += sent

    def work(check: Callable[[], None]) -> ContextMap:
        parts = texts_in(context)
        return _map(parts, told, whole, count + children, budget.left_out, check)

    return await run_beside(work)


def context_ref(record: Record, entry: Entry) -> str:
    """Name the value that is the context of a node; empty where the trace has none."""
    for position in entry.events[:8]:
        event = record.events[position]
        if isinstance(event, NodeStarted):
            # A context that is the query is stored as that alone
            return event.context_ref or event.query_ref
    return ""


def texts_in(value: object) -> list[tuple[str, str]]:
    """Give the texts in a value, each with its name; what is no text is left out."""
    return list(islice(_texts(value, "", 0), _MOST_PARTS))


def _texts(value: object, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif depth < _DEPTH and isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            short = key if isinstance(key, str) else str(key) if isinstance(key, int) else "?"
            below = one_line(short, 60)
            yield from _texts(one, f"{name}.{below}" if name else below, depth + 1)


async def _printed(
    source: Source, record: Record, entry: Entry, count: int, budget: _Budget
) -> list[_Told]:
    """Give what the code of a node printed."""
    told = []
    for position in entry.events[:count]:
        event = record.events[position]
        if not isinstance(event, CodeExecuted) or not event.stdout:
            continue
        if position in record.cut and budget.texts > 0:
            event = await source.event(record.places[position])
            assert isinstance(event, CodeExecuted)
        if budget.takes(len(event.stdout)):
            told.append(_Told(position, "printed", f"iteration {event.iteration}", event.stdout))
    return told


async def _sent(
    source: Source, record: Record, entry: Entry, children: int, own_ref: str, budget: _Budget
) -> tuple[list[_Told], list[_Told]]:
    """Give what a node sent to its children; apart from that, to whom it sent all of it."""
    told, whole = [], []
    known: dict[str, str] = {}
    for child in entry.children[:children]:
        event = record.events[child.began]
        if not isinstance(event, SubCallStarted):
            continue
        for ref, preview in ((event.prompt_ref, event.prompt), (event.context_ref, "")):
            if not ref and not preview:
                continue
            if ref and ref == own_ref:
                whole.append(_Told(child.began, "sent", "", ""))
                continue
            if not budget.takes(0):
                continue
            if ref and ref not in known:
                text = await _read_texts(source, ref, preview)
                # What does not fit is not kept either: there may be many of them
                known[ref] = text if budget.takes(len(text)) else ""
            text = known.get(ref, preview)
            if text:
                told.append(_Told(child.began, "sent", "", text))
    return told, whole


async def _read_texts(source: Source, ref: str, preview: str) -> str:
    try:
        value = await source.value(ref)
    except TraceError:
        return preview
    return await anyio.to_thread.run_sync(_joined, value)


def _joined(value: object) -> str:
    return value if isinstance(value, str) else "\n".join(text for _, text in texts_in(value))


def _map(
    parts: list[tuple[str, str]],
    told: list[_Told],
    whole: list[_Told],
    count: int,
    left_out: int,
    check: Callable[[], None],
) -> ContextMap:
    """Find all texts in the context; for a thread."""
    placed: list[Part] = []
    end = 0
    for name, text in parts:
        placed.append(Part(name, end, end + len(text)))
        end += len(text)
    texts = {one.text for one in told}
    matcher = Matcher([text for _, text in parts], list(texts), check)
    intervals = {text: matcher.find(text) for text in texts}
    found = [
        Found(one.position, one.use, one.name, intervals[one.text])
        for one in told
        if intervals[one.text]
    ]
    if end:
        found += [Found(one.position, one.use, one.name, ((0, end),)) for one in whole]
    found.sort(key=lambda one: one.position)
    return ContextMap(parts=tuple(placed), found=tuple(found), events=count, left_out=left_out)
