"""Events of any content and order, as a hostile trace has them, are shown and do no harm."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._cli.answers import render_json
from rlm_runtime._cli.progress import LiveLine, describe_event
from rlm_runtime._cli.summary import RunSummary
from rlm_runtime._cli.tree import Tree
from rlm_runtime._cli.view import describe_run
from rlm_runtime._events import EVENT_TYPES, Event
from tests._cli.events import node_started
from tests.examples import examples
from tests.hostile_text import ALL, OBEYED

# As many as msgpack has, and few enough that events meet each other
SIMPLE: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(0, 1) | st.integers(-(2**63), 2**64 - 1),
    str: st.just(ALL) | st.text(),
    str | None: st.just(ALL) | st.text() | st.none(),
}


def events_of(event_type: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(event_type)
    return st.builds(
        event_type,
        **{
            field.name: SIMPLE.get(hints[field.name], st.from_type(hints[field.name]))
            for field in fields(event_type)
        },
    )


EVENTS = st.one_of([events_of(event_type) for event_type in EVENT_TYPES.values()])
PATH = Path("/t/r\x1b[2J/trace.msgpack")


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_any_events_are_shown(events: list[Event]) -> None:
    tree = Tree()
    shown = [describe_event(event) or "" for event in events]
    line = LiveLine()
    for event in (node_started(0), node_started(1, 0), *events):
        tree.add(event)
        line.show(event)
    shown += describe_run(tree, PATH, "crashed")
    summary = RunSummary(path=PATH, written=0.0, size=1, status="crashed", tally=tree.tally)
    shown.append(summary.as_row())
    assert not any(OBEYED.search(text) or "\n" in text for text in shown)
    json.loads(b"".join(render_json(summary.as_json()).chunks))
