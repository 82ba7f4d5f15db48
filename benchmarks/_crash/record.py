"""What the trace of a killed run holds, in the names of its tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._crash.tree import STAMPS, is_given_up, named_in
from rlm_runtime import Event, TraceError, read_trace
from rlm_runtime._events import (
    ModelReplied,
    ReplayDiverged,
    RunEnded,
    RunStarted,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolReturned,
    TraceStalled,
)
from rlm_runtime._trace.places import list_runs

_HALF = 24
MOMENTS = (
    "before it had begun",
    "before a reply",
    "in its first half",
    "in its second half",
    "after its end",
)
"""Where a run can have come to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a run, whatever has become of it."""

    path: Path | None = None
    """None where no run has begun."""
    run: str = ""
    replies: Counter[str]
    """By name, as the tree has it; also what the code had given up."""
    stamps: frozenset[str] = frozenset()
    """What the tool was called with, and has answered."""
    has_ended: bool = False
    diverged: Sequence[ReplayDiverged] = ()
    stalls: int = 0

    @property
    def moment(self) -> str:
        """Say where the run has come to."""
        if self.path is None:
            return MOMENTS[0]
        if self.has_ended:
            return MOMENTS[-1]
        done = self.replies.total()
        return MOMENTS[1 + (done > 0) + (done > _HALF)]


def read_record(traces: Path) -> Record:
    """Read the newest run that has begun."""
    for path in list_runs(traces):
        events = _events(path)
        if (started := next((e for e in events if isinstance(e, RunStarted)), None)) is not None:
            return Record(
                path=path,
                run=started.run,
                replies=named_in(e.text for e in events if isinstance(e, ModelReplied))
                + _given_up(events),
                stamps=_stamps(events),
                has_ended=isinstance(events[-1], RunEnded),
                diverged=[e for e in events if isinstance(e, ReplayDiverged)],
                stalls=sum(isinstance(e, TraceStalled) for e in events),
            )
    return Record(replies=Counter())


def _events(path: Path) -> list[Event]:
    try:
        return list(read_trace(path))
    except TraceError:
        # Killed before its first bytes; a run that has begun is missed by the judge
        return []


def _given_up(events: Sequence[Event]) -> Counter[str]:
    ended = {e.sub_call for e in events if isinstance(e, SubCallEnded)}
    return Counter(
        name
        for e in events
        if isinstance(e, SubCallStarted) and e.sub_call in ended
        if is_given_up(name := e.prompt.partition("\n")[0].strip("'\""))
    )


def _stamps(events: Sequence[Event]) -> frozenset[str]:
    returned = {e.call for e in events if isinstance(e, ToolReturned)}
    called = [e.arguments for e in events if isinstance(e, ToolCalled) and e.call in returned]
    return frozenset(one for one in STAMPS for text in called if one in text)
