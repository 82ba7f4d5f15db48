"""From the trace of a run to what is needed to go on with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from rlm_runtime._answer_types.base import AnswerMismatchError, AnswerType, answer_type_of_text
from rlm_runtime._answer_types.replies import read_answer as read_reply
from rlm_runtime._describe import describe
from rlm_runtime._engine.past import RunPast
from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._errors import ConfigError, InputError, TraceError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._settings import told_prices, told_tools
from rlm_runtime._trace.reader import Trace, open_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the trace of a run holds."""

    path: Path
    past: RunPast
    limits: Limits
    """Those of its last session."""
    answer_type: AnswerType | None

    @property
    def is_answered(self) -> bool:
        """Whether there is nothing left to do."""
        ended = self.past.ended
        return ended is not None and ended.stop_reason == "answered"


class Values:
    """The values of a trace, read one at a time beside the event loop."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._lock = anyio.Lock()

    def events(self) -> Iterator[Event]:
        """Give the events that are there; they are read as they are taken."""
        return self._trace.events()

    async def read(self, ref: str) -> object:
        """Read a value.

        Raises:
            TraceError: It is not there.
        """
        async with self._lock:
            return await anyio.to_thread.run_sync(self._trace.value, ref)


async def read_recorded(path: Path, answer_type: AnswerType | None) -> Recorded:
    """Read what a run did, and what it was set to.

    Args:
        path: Its trace.
        answer_type: What its answer must be; None for what it had to be before.

    Raises:
        TraceError: There is no such trace, or it does not hold what is needed.
    """
    past = await anyio.to_thread.run_sync(_read_past, path)
    if past is None:
        raise TraceError(f"Cannot resume {str(path)!r}: it ends before its run began")
    if answer_type is None and past.started.schema:
        with _blaming(path):
            answer_type = await anyio.to_thread.run_sync(answer_type_of_text, past.started.schema)
    with _blaming(path):
        limits = limits_of(past)
    return Recorded(path=path, past=past, limits=limits, answer_type=answer_type)


def limits_of(past: RunPast) -> Limits:
    """Give the limits that a run had.

    Raises:
        ConfigError: They are none.
    """
    names = {field.name for field in fields(Limits)}
    known = {name: value for name, value in past.limits.items() if name in names}
    return Limits(**known)  # type: ignore[arg-type]  # it checks them


@asynccontextmanager
async def open_values(path: Path) -> AsyncIterator[Values]:
    """Open the values of a trace for the length of the block."""
    opening = open_trace(path)
    trace = await anyio.to_thread.run_sync(opening.__enter__)
    try:
        yield Values(trace)
    finally:
        opening.__exit__(None, None, None)


async def read_given(recorded: Recorded, values: Values) -> tuple[str, object]:
    """Give the query and the context of a run.

    Raises:
        TraceError: They are not in its trace.
    """
    past, place = recorded.past, f"Cannot resume {str(recorded.path)!r}"
    if not past.started.query_ref:
        raise TraceError(f"{place}: its query is not in it")
    query = await values.read(past.started.query_ref)
    if not isinstance(query, str):
        raise TraceError(f"{place}: its query is no text")
    if past.started.context_ref:
        return query, await values.read(past.started.context_ref)
    if past.root is not None and past.root.started.context != describe(query):
        raise TraceError(f"{place}: its context is not in it")
    return query, query


async def read_answer(recorded: Recorded, values: Values) -> object:
    """Give the answer of a run that has one.

    Raises:
        InputError: It is not of the type that is asked for now.
        TraceError: It is not in its trace.
    """
    ref = recorded.past.answer_ref
    if not ref:
        raise TraceError(f"Cannot resume {str(recorded.path)!r}: its answer is not in it")
    given = await values.read(ref)
    answer_type = recorded.answer_type
    if answer_type is None:
        return given
    read = (
        partial(_of_reply, answer_type) if recorded.past.mode == "direct" else answer_type.validate
    )
    try:
        return await anyio.to_thread.run_sync(read, given)
    except AnswerMismatchError as exc:
        raise InputError(f"Cannot give the answer of this run as what is asked for: {exc}") from exc


def _of_reply(answer_type: AnswerType, reply: object) -> object:
    """Read the answer from the reply of a completion, of which the record does not say its form."""
    try:
        return read_reply(answer_type, str(reply), wrapped=False)
    except AnswerMismatchError:
        return read_reply(answer_type, str(reply), wrapped=True)


def check_tools(past: RunPast, known: set[str]) -> None:
    """See that all tools are there that the nodes were told of.

    Raises:
        ConfigError: One is not.
    """
    if missing := (past.tools | told_tools(past.settings)) - known:
        names = ", ".join(map(repr, sorted(missing)))
        error = ConfigError(f"Cannot resume this run: its tools are missing: {names}")
        error.add_note("give those that it had, on the command line with --tools and --mcp")
        raise error


def _read_past(path: Path) -> RunPast | None:
    with open_trace(path) as trace:
        past = read_past(trace.events())
    if past is not None:
        past.prices = told_prices(past.started.settings) | told_prices(past.settings)
    return past


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except (ConfigError, ValueError) as exc:
        raise TraceError(f"Cannot resume {str(path)!r}: {exc}") from exc
