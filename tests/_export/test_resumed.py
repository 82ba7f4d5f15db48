"""What is exported of a run that was cut off and went on is what it would have been without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from rlm_runtime._engine.keys import comparable
from rlm_runtime._events import Event
from rlm_runtime._export.span_tree import SpanTree
from rlm_runtime._export.trajectories import Trajectories, Trajectory
from rlm_runtime._types import Message
from tests._engine.resuming import MemoryTrace
from tests._engine.test_resume_anywhere import go_on

pytestmark = pytest.mark.anyio


def said(one: Trajectory) -> tuple[str, int, str]:
    """Give all that was said, but for the lines that tell what is left."""
    messages = [Message(role=m["role"], content=m["content"]) for m in one.history.messages]  # type: ignore[arg-type]  # as they were written
    texts = [comparable(message, at) for at, message in enumerate(messages)]
    return one.kind, one.depth, "\n".join(texts)


def chats(events: Sequence[Event]) -> Counter[tuple[str, int, str]]:
    """Count the chats; that of the sub-call that was given up ends where it happens to."""
    trajectories = Trajectories()
    for event in events:
        trajectories.add(event)
    return Counter(
        said(one) for one in trajectories if "stuck" not in str(one.history.messages[1:2])
    )


def check_spans(events: Sequence[Event]) -> None:
    tree = SpanTree(content=True)
    spans = [*(span for event in events for span in tree.add(event)), *tree.finish()]
    known = {span.id: span for span in spans}
    assert len(known) == len(spans), "no id is there twice"
    for span in spans:
        if span.parent is not None:
            parent = known[span.parent]
            assert parent.start <= span.start <= span.end <= parent.end


async def test_a_run_that_was_cut_off_anywhere_gives_the_same_chats() -> None:
    whole = (await go_on(MemoryTrace())).trace
    expected = chats(whole.events)
    assert sum(expected.values()) > 20
    for events in range(1, len(whole.events), 41):
        trace = (await go_on(whole.cut(events), seed=events)).trace
        assert chats(trace.events) == expected, f"after event {events}"
        check_spans(trace.events)
