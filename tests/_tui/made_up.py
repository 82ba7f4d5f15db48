"""Made-up runs for property tests: honest and interrupted ones, and some in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    Event,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunResumed,
    SubCallStarted,
)


@cache
def honest(nodes: int, seed: int) -> tuple[Event, ...]:
    """Give the events of a run as they would happen."""
    return tuple(synthetic_events(nodes, seed=seed))


def interrupted(nodes: int, seed: int) -> tuple[Event, ...]:
    """Give the events of a run that crashed and went on, up to three times."""
    chance = random.Random(seed)
    events = list(honest(nodes, seed % 3))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(1, len(events))
        node, mono = chance.randrange(nodes), events[at - 1].mono + chance.choice([0.0, 5.0])
        session: list[Event] = [
            RunResumed(
                version="1", model="m", sub_model="m", limits={}, spent_seconds=1.0, mono=mono
            ),
            NodeRebuilt(node=node, iteration=1, blocks=1, seconds=1.0, mono=mono + 1),
        ]
        if chance.random() < 0.7:
            iteration = chance.randrange(1, 4)
            session.append(
                ReplayDiverged(node=node, iteration=iteration, block=0, reason="x", mono=mono + 1)
            )
        events[at:at] = session
    return tuple(events)


def forged(nodes: int, seed: int) -> tuple[Event, ...]:
    """Give the events of a run in the wrong order, some twice, some with other numbers."""
    chance = random.Random(seed)
    events = list(honest(nodes, seed % 3))
    for _ in range(len(events) // 4):
        at, other = chance.randrange(len(events)), chance.randrange(len(events))
        events[at], events[other] = events[other], events[at]
    numbers = [-1, 0, 1, nodes, 2**70]
    for _ in range(len(events) // 4):
        at = chance.randrange(len(events))
        event = events[at]
        names = [n for n in ("node", "sub_call", "call", "iteration") if hasattr(event, n)]
        if names:
            events[at] = replace(event, **{chance.choice(names): chance.choice(numbers)})
    for _ in range(12):
        events.insert(chance.randrange(len(events)), _odd(chance, nodes))
    return tuple(events)


def runs() -> st.SearchStrategy[tuple[Event, ...]]:
    """Give runs of some nodes; also an empty one, interrupted ones, and ones that were forged."""
    sizes, seeds = st.integers(1, 5), st.integers(0, 2)
    return st.one_of(
        st.just(()),
        # One node of the largest has more alike children than are shown one by one
        st.builds(honest, sizes | st.just(7), seeds),
        st.builds(interrupted, sizes | st.just(7), st.integers(0, 10_000)),
        st.builds(forged, sizes, st.integers(0, 10_000)),
    )


def _odd(chance: random.Random, nodes: int) -> Event:
    """Make an event of a run that was resumed, forked or forged, at any time."""
    node, other = chance.randrange(nodes), chance.choice([None, -1, 0, chance.randrange(nodes)])
    mono = chance.choice([0.0, -5.0, 3.0, 1e300, float("nan"), float("inf")])
    text = chance.choice(["", "x", "other"])
    limits: dict[str, int | float | None] = {"max_cost": chance.choice([None, 1.0, float("nan")])}
    return chance.choice(
        [
            RunResumed(
                version="1", model=text, sub_model="", limits=limits, spent_seconds=1.0, mono=mono
            ),
            RunForked(run=text, parent="other", node=node, iteration=1, say="", mono=mono),
            NodeRebuilt(node=node, iteration=1, blocks=1, seconds=1.0, mono=mono),
            ReplayDiverged(node=node, iteration=1, block=0, reason=text, mono=mono),
            NodeStarted(
                node=node,
                parent=other,
                depth=7,
                model=text,
                query=text,
                context=text,
                sub_call=chance.choice([None, 0, 1]),
                mono=mono,
            ),
            SubCallStarted(
                node=node,
                sub_call=chance.randrange(6),
                iteration=1,
                key="",
                prompt=text,
                context=text,
                recursive=chance.random() < 0.5,
                model=text,
                mono=mono,
            ),
        ]
    )
