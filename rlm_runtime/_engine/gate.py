"""Room for model calls: what a run may have in flight, and what each model takes at once.

No task belongs to the gate: whoever leaves lets the next one in, and while a model pauses, those
who wait for it watch the clock.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from rlm_runtime._engine.width import Width

_Queue = OrderedDict[int, deque["Slot"]]


class Room:
    """What one run may have in flight."""

    def __init__(self, max_concurrency: int) -> None:
        self.max_concurrency = max_concurrency
        self.in_flight = 0


class Slot:
    """The place of one attempt: in the queue first, then in flight."""

    def __init__(self, room: Room, node: int, lane: _Lane) -> None:
        self.room = room
        self.node = node
        self.lane = lane
        self.began: float | None = None
        """When the attempt was let in."""
        self.news = anyio.Event()
        """Is set when there is something new to look at: it was let in, or a pause began."""


class _Lane:
    """The queue before one model: runs take turns, then their nodes, then first come."""

    def __init__(self, width: Width) -> None:
        self.width = width
        self._queues: OrderedDict[Room, _Queue] = OrderedDict()

    def join(self, slot: Slot) -> None:
        queue = self._queues.setdefault(slot.room, OrderedDict())
        queue.setdefault(slot.node, deque()).append(slot)

    def leave(self, slot: Slot) -> None:
        queue = self._queues[slot.room]
        queue[slot.node].remove(slot)
        self._forget_empty(slot)

    def waiting(self) -> list[Slot]:
        return [
            slot for queue in self._queues.values() for slots in queue.values() for slot in slots
        ]

    def admit(self, now: float) -> None:
        """Let in who comes next, as long as there is room."""
        while self.width.has_room(now) and (slot := self._next()) is not None:
            self.width.in_flight += 1
            slot.room.in_flight += 1
            slot.began = now
            slot.news.set()

    def _next(self) -> Slot | None:
        for room, queue in self._queues.items():
            if room.in_flight < room.max_concurrency:
                node, slots = next(iter(queue.items()))
                slot = slots.popleft()
                self._queues.move_to_end(room)
                queue.move_to_end(node)
                self._forget_empty(slot)
                return slot
        return None

    def _forget_empty(self, slot: Slot) -> None:
        queue = self._queues[slot.room]
        if not queue[slot.node]:
            del queue[slot.node]
        if not queue:
            del self._queues[slot.room]


class Gate:
    """Lets attempts of many runs in; what a model takes at once is learned for all of them."""

    def __init__(
        self,
        *,
        make_width: Callable[[], Width] = Width,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._make_width = make_width
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}

    def width(self, model: str) -> Width:
        """Give what is known of a model."""
        return self._lane(model).width

    @asynccontextmanager
    async def slot(self, room: Room, node: int, model: str) -> AsyncIterator[Slot]:
        """Hold a place in flight for the length of a block; wait for it first."""
        slot = self.join(room, node, model)
        try:
            while slot.began is None:
                with anyio.CancelScope(deadline=self._wakes_at(slot)):
                    await slot.news.wait()
                slot.news = anyio.Event()
                slot.lane.admit(self._clock())
            yield slot
        finally:
            self.leave(slot)

    def join(self, room: Room, node: int, model: str) -> Slot:
        """Queue up; `leave` must follow, whether the attempt was let in or not."""
        slot = Slot(room, node, self._lane(model))
        slot.lane.join(slot)
        slot.lane.admit(self._clock())
        return slot

    def leave(self, slot: Slot) -> None:
        """Give up a place, in flight or in the queue."""
        if slot.began is None:
            slot.lane.leave(slot)
            return
        slot.lane.width.in_flight -= 1
        slot.room.in_flight -= 1
        # What this run did not have room for may wait for another model
        for lane in self._lanes.values():
            lane.admit(self._clock())

    def succeed(self, slot: Slot) -> None:
        """Learn that the endpoint took this attempt."""
        slot.lane.width.widen()

    def refuse(self, slot: Slot, *, pause: float | None) -> None:
        """Learn that the endpoint got too many; with the seconds that it asked all to wait."""
        now, width = self._clock(), slot.lane.width
        width.narrow(began=now if slot.began is None else slot.began, now=now)
        if pause is not None:
            width.pause(now + pause)
            for one in slot.lane.waiting():
                one.news.set()

    def _lane(self, model: str) -> _Lane:
        if model not in self._lanes:
            self._lanes[model] = _Lane(self._make_width())
        return self._lanes[model]

    def _wakes_at(self, slot: Slot) -> float:
        resumes_at = slot.lane.width.resumes_at
        return resumes_at if resumes_at > self._clock() else math.inf
