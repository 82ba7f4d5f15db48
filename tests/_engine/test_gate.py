"""Nobody has more than is allowed, nobody waits where there is room, and no place is lost."""

from __future__ import annotations

import random

import anyio
import anyio.lowlevel
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rlm_runtime._engine.gate import Gate, Room, Slot
from tests.examples import examples

pytestmark = pytest.mark.anyio


class GateMachine(RuleBasedStateMachine):
    """Any order of coming, going, giving up, refusals and pauses, on a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate = Gate(clock=lambda: self.now)
        self.rooms = [Room(1), Room(3)]
        self.slots: list[Slot] = []
        self.models: dict[Slot, str] = {}

    def of(self, *, began: bool) -> list[Slot]:
        return [slot for slot in self.slots if (slot.began is not None) is began]

    @rule(room=st.integers(0, 1), node=st.integers(0, 3), model=st.sampled_from("ab"))
    def join(self, room: int, node: int, model: str) -> None:
        slot = self.gate.join(self.rooms[room], node, model)
        self.slots.append(slot)
        self.models[slot] = model

    @precondition(lambda self: self.slots)
    @rule(number=st.integers(0, 1000))
    def leave(self, number: int) -> None:
        self.gate.leave(self.slots.pop(number % len(self.slots)))

    @precondition(lambda self: self.of(began=True))
    @rule(number=st.integers(0, 1000), pause=st.none() | st.floats(0, 10))
    def refuse(self, number: int, pause: float | None) -> None:
        slots = self.of(began=True)
        self.gate.refuse(slots[number % len(slots)], pause=pause)

    @precondition(lambda self: self.of(began=True))
    @rule(number=st.integers(0, 1000))
    def succeed(self, number: int) -> None:
        slots = self.of(began=True)
        slot = slots[number % len(slots)]
        self.slots.remove(slot)
        self.gate.succeed(slot)
        self.gate.leave(slot)

    @rule(seconds=st.floats(0.1, 10))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        # As those who wait do when a pause ends
        for slot in self.of(began=False):
            slot.lane.admit(self.now)

    @invariant()
    def counts_are_right(self) -> None:
        inside = self.of(began=True)
        for room in self.rooms:
            assert room.in_flight == sum(slot.room is room for slot in inside)
            assert room.in_flight <= room.max_concurrency
        for model in "ab":
            width = self.gate.width(model)
            assert width.in_flight == sum(self.models[slot] == model for slot in inside)

    @invariant()
    def nobody_waits_where_there_is_room(self) -> None:
        for slot in self.of(began=False):
            full = slot.room.in_flight == slot.room.max_concurrency
            assert full or not slot.lane.width.has_room(self.now)

    @invariant()
    def first_come_is_first_served_inside_a_node(self) -> None:
        seen: set[tuple[Room, int, str]] = set()
        for slot in self.slots:
            key = (slot.room, slot.node, self.models[slot])
            if slot.began is None:
                seen.add(key)
            else:
                assert key not in seen

    def teardown(self) -> None:
        self.now += 100.0
        while self.slots:
            self.pass_time(0.1)
            inside = self.of(began=True)
            assert inside, "those who wait are never let in"
            self.slots.remove(inside[0])
            self.gate.leave(inside[0])
        assert [room.in_flight for room in self.rooms] == [0, 0]
        assert not any(lane._queues for lane in self.gate._lanes.values())


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None
)


def served(gate: Gate, first: Slot, waiting: list[Slot]) -> list[Slot]:
    """Let one after the other in, and give the order."""
    order = [first]
    while waiting:
        gate.leave(order[-1])
        (slot,) = [one for one in waiting if one.began is not None]
        waiting.remove(slot)
        order.append(slot)
    return order[1:]


def test_nodes_take_turns() -> None:
    gate, room = Gate(clock=lambda: 0.0), Room(1)
    first = gate.join(room, 0, "m")
    waiting = [gate.join(room, node, "m") for node in (1, 1, 1, 1, 2, 3, 2)]
    assert [slot.node for slot in served(gate, first, waiting)] == [1, 2, 3, 1, 2, 1, 1]


def test_runs_take_turns_at_a_narrow_model() -> None:
    gate, many, one = Gate(clock=lambda: 0.0), Room(9), Room(9)
    first = gate.join(many, 0, "m")
    gate.refuse(first, pause=None)
    waiting = [gate.join(many, node, "m") for node in range(3)]
    waiting += [gate.join(one, 0, "m") for _ in range(2)]
    assert [slot.room is one for slot in served(gate, first, waiting)] == [0, 1, 0, 1, 0]


def test_a_narrow_model_does_not_hold_up_another() -> None:
    gate, room = Gate(clock=lambda: 0.0), Room(9)
    gate.refuse(gate.join(room, 0, "narrow"), pause=9.0)
    assert gate.join(room, 0, "narrow").began is None
    assert gate.join(room, 0, "wide").began is not None


async def test_who_waits_is_let_in_when_a_pause_ends() -> None:
    gate, room = Gate(), Room(9)
    order: list[str] = []

    async def enter(name: str) -> None:
        async with gate.slot(room, 0, "m"):
            order.append(name)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            async with gate.slot(room, 0, "m") as slot:
                gate.refuse(slot, pause=0.05)
                tasks.start_soon(enter, "waits from the beginning")
                await anyio.wait_all_tasks_blocked()
                # A longer one, which nobody who waits knows of yet
                gate.refuse(slot, pause=0.15)
                refused_at = anyio.current_time()
            # Nobody is inside any more, who could let others in
        assert anyio.current_time() - refused_at >= 0.14
    assert order == ["waits from the beginning"]


async def test_a_pause_that_begins_while_others_wait_ends_for_them_too() -> None:
    gate, room = Gate(), Room(1)
    entered: list[int] = []

    async def enter(number: int) -> None:
        async with gate.slot(room, number, "m"):
            entered.append(number)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            async with gate.slot(room, 0, "m") as slot:
                for number in range(5):
                    tasks.start_soon(enter, number)
                await anyio.wait_all_tasks_blocked()
                gate.refuse(slot, pause=0.05)
    assert sorted(entered) == [0, 1, 2, 3, 4]


async def test_cancelled_waiters_lose_nothing_for_the_others() -> None:
    chance = random.Random(1)
    gate, rooms = Gate(), [Room(2), Room(3)]
    peak = done = 0

    async def call(number: int) -> None:
        nonlocal peak, done
        room = rooms[number % 2]
        with anyio.move_on_after(chance.choice([0.0, 0.002, 0.01, 9.0])):
            async with gate.slot(room, number % 7, chance.choice("ab")) as slot:
                peak = max(peak, rooms[0].in_flight + rooms[1].in_flight)
                await anyio.sleep(chance.random() / 500)
                if chance.random() < 0.2:
                    gate.refuse(slot, pause=chance.choice([None, 0.005]))
                else:
                    gate.succeed(slot)
                done += 1

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for number in range(400):
                tasks.start_soon(call, number)
                await anyio.lowlevel.checkpoint()
    assert 50 < done < 400 and peak <= 5
    assert [room.in_flight for room in rooms] == [0, 0]
    assert [gate.width(model).in_flight for model in "ab"] == [0, 0]
    assert not any(lane._queues for lane in gate._lanes.values())


async def test_one_who_is_cancelled_as_it_is_let_in_gives_its_place_back() -> None:
    gate, room = Gate(), Room(1)
    scope = anyio.CancelScope()

    async def wait() -> None:
        with scope:
            async with gate.slot(room, 1, "m"):
                await anyio.sleep_forever()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            async with gate.slot(room, 0, "m"):
                tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
            assert room.in_flight == 1
            scope.cancel()
        async with gate.slot(room, 2, "m"):
            assert room.in_flight == 1
    assert room.in_flight == 0
