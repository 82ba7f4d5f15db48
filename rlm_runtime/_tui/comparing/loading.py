"""Getting ready to compare: the other run is read, and both are aligned beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import anyio.to_thread

from rlm_runtime._errors import TraceError
from rlm_runtime._tui.beside import run_beside
from rlm_runtime._tui.comparing.align import Alignment, Pair, StepPair, align, count, find_first
from rlm_runtime._tui.comparing.told import is_same
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import Source

_MOST_LOOKED_UP = 500

Tell = Callable[[str], None]


async def read_all(source: Source, tell: Tell) -> tuple[Record, str]:
    """Read what a trace holds for now; give it, and why the rest cannot be read if that is so."""
    record = Record()
    async with aclosing(source.batches()) as batches:
        async for batch in batches:
            for event, place, cut in batch.events:
                record.add(event, place, cut=cut)
            if batch.state != "reading":
                return record, batch.damage
            tell(f"reading the other run: {len(record.events):,} events")
    return record, ""


async def align_beside(a: Record, b: Record, tell: Tell) -> Alignment:
    """Align two runs in a thread; it ends when nobody waits for it any more."""

    def work(check: Callable[[], None]) -> Alignment:
        def report(done: int, total: int) -> None:
            check()
            tell(f"comparing: {done:,} of {total:,} nodes and completions")

        return align(a, b, report=report)

    return await run_beside(work)


async def look_closer(
    alignment: Alignment, a: Record, b: Record, source_a: Source, source_b: Source
) -> int:
    """Compare the whole of long texts whose beginnings are the same; give how many are left."""
    unsure = [(pair, step) for pair in alignment.pairs for step in pair.steps if step.unsure]
    for _, step in unsure[:_MOST_LOOKED_UP]:
        if await _differs(step, a, b, source_a, source_b):
            step.verdict = "different"
        step.unsure = False
    if unsure:
        await anyio.to_thread.run_sync(_count_again, alignment, alignment.pairs)
    return max(0, len(unsure) - _MOST_LOOKED_UP)


async def _differs(
    step: StepPair, a: Record, b: Record, source_a: Source, source_b: Source
) -> bool:
    if step.a is None or step.b is None:
        return True
    try:
        whole_a = await source_a.event(a.places[step.a])
        whole_b = await source_b.event(b.places[step.b])
    except TraceError:
        return False
    return not await anyio.to_thread.run_sync(is_same, whole_a, whole_b, step.kind)


def _count_again(alignment: Alignment, pairs: list[Pair]) -> None:
    count(pairs)
    alignment.differing = sum(pair.differing > 0 for pair in pairs)
    alignment.first = find_first(pairs)
