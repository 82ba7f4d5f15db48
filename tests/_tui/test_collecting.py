"""What the garbage collector looks at while a record grows."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from rlm_runtime._tui.collecting import Collector


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    """Leave nothing put aside to the tests after these."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_the_events_of_a_record_are_not_looked_at_again() -> None:
    """Else each collection takes longer than the one before, and the keys wait for it."""
    collector = Collector()
    record: list[list[int]] = []
    for _ in range(40):
        record += [[number] for number in range(500)]
        collector.take(500)
    assert gc.get_freeze_count() > len(record) * 0.9
    record += [[number] for number in range(500)]
    collector.take(500)
    before = gc.get_freeze_count()
    collector.take(0, is_last=True)
    assert gc.get_freeze_count() >= before + 400


def test_what_is_garbage_does_not_stay() -> None:
    """Else a run that is followed for a day would hold what it threw away."""

    class Thing:
        freed = 0

        def __del__(self) -> None:
            Thing.freed += 1

    thing = [Thing()]
    thing.append(thing)  # type: ignore[arg-type]  # a circle
    del thing
    Collector().take(1, is_last=True)
    assert Thing.freed == 1


def test_quiet_looks_at_nothing() -> None:
    """A run that nobody writes is asked after every second."""
    collector = Collector()
    collector.take(1, is_last=True)
    before = gc.get_freeze_count()
    kept = [[number] for number in range(100)]
    collector.take(0, is_last=True)
    assert gc.get_freeze_count() <= before
    assert kept
