"""Properties of the frame reader and the peer, whatever comes and however it is cut."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._frames import FrameLimits, FrameReader, PeerError
from rlm_runtime._jsonrpc import Params, Peer, Reply, RequestError, open_peer
from rlm_runtime._payload import Payload
from tests.examples import examples
from tests.forgery import ODD, Forger
from tests.pipes import Pipe, frame

LIMITS = FrameLimits(json=1 << 20, payload=1 << 20, held=1 << 20)
FEW = settings(max_examples=examples(60), deadline=None)
MANY = settings(max_examples=examples(200), deadline=None)


class Chunks(anyio.abc.ByteReceiveStream):
    """Gives bytes cut at the places named, with empty chunks among them."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        self._chunks = [data[a:b] for a, b in zip(places, places[1:], strict=False)]

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        await anyio.lowlevel.checkpoint()
        if not self._chunks:
            raise anyio.EndOfStream
        return self._chunks.pop(0)

    async def aclose(self) -> None:
        self._chunks.clear()


async def read_all(data: bytes, cuts: list[int]) -> tuple[list[object], str | None]:
    """Read to the end; return the frames, and what was wrong."""
    reader = FrameReader(Chunks(data, cuts), LIMITS)
    frames: list[object] = []
    with anyio.fail_after(10):
        try:
            while (one := await reader.read()) is not None:
                frames.append(one)
        except PeerError as exc:
            return frames, str(exc)
    return frames, None


cuts = st.lists(st.integers(0, 1 << 20), max_size=30)
bodies = st.one_of(st.binary(max_size=300), st.sampled_from(ODD))
pairs = st.tuples(bodies, st.none() | st.binary(max_size=300))


@given(st.lists(pairs, max_size=8), cuts)
@FEW
def test_frames_come_out_whole_however_they_are_cut(
    frames: list[tuple[bytes, bytes | None]], cuts: list[int]
) -> None:
    data = b"".join(frame(*one) for one in frames)
    assert anyio.run(read_all, data, cuts) == (frames, None)


@given(st.lists(pairs, max_size=3), st.binary(max_size=400), cuts)
@MANY
def test_any_bytes_give_the_same_frames_and_the_same_error_however_they_are_cut(
    frames: list[tuple[bytes, bytes | None]], rest: bytes, cuts: list[int]
) -> None:
    data = b"".join(frame(*one) for one in frames) + rest
    tracemalloc.start()
    try:
        read, problem = anyio.run(read_all, data, cuts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read[: len(frames)] == frames
    # What a bad header shows of itself depends on what has come
    whole_read, whole_problem = anyio.run(read_all, data, [])
    assert (read, problem is None) == (whole_read, whole_problem is None)
    assert (problem or "")[:20] == (whole_problem or "")[:20]
    assert peak < 4 * len(data) + 500_000


# The peer


class Played:
    """A peer whose other end is played by hand, and what it was asked and told."""

    def __init__(self) -> None:
        self.to_peer = Pipe()
        self.from_peer = Pipe()
        self.reader = FrameReader(self.from_peer, FrameLimits())
        self.go_on: dict[int, anyio.Event] = {}
        self.began = anyio.Event()
        self.heard: list[object] = []
        self.outcomes: dict[int, object] = {}
        self.peer: Peer

    async def serve(self, method: str, params: Params, payload: Payload | None) -> Reply:
        """Wait for leave, then send back what came."""
        match params:
            case {"n": int(number)} if number in self.go_on:
                self.began.set()
                await self.go_on[number].wait()
        if method == "fail":
            raise RequestError("no", data={"n": 1}, payload=payload)
        return Reply(params, payload and Payload(payload.kind, payload.data))

    def hear(self, method: str, params: Params) -> None:
        self.heard.append(params.get("n"))

    async def ask(self, number: int) -> None:
        try:
            self.outcomes[number] = (await self.peer.request("m", {"n": number})).result
        except (PeerError, RequestError) as exc:
            self.outcomes[number] = exc

    async def hear_message(self) -> dict[str, Any]:
        heard = await self.reader.read()
        assert heard is not None
        message: dict[str, Any] = json.loads(heard[0])
        return message

    def assert_nothing_open(self) -> None:
        peer = self.peer
        assert not peer._pending and not peer._served and peer._held == 0


async def played(play: Callable[[Played, anyio.abc.TaskGroup], Awaitable[None]]) -> None:
    far = Played()
    with anyio.fail_after(20):
        async with (
            open_peer(
                far.to_peer,
                far.from_peer,
                on_request=far.serve,
                on_notification=far.hear,
                limits=LIMITS,
            ) as far.peer,
            anyio.create_task_group() as tasks,
        ):
            await play(far, tasks)
    far.assert_nothing_open()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
odd_messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers(0, 3) | json_values,
        "method": st.just("m") | json_values,
        "params": json_values,
        "result": json_values,
        "error": st.fixed_dictionaries({"message": json_values}) | json_values,
        "payload": st.fixed_dictionaries({"at": st.just("x"), "kind": json_values}) | json_values,
    },
)
said = st.one_of(
    st.builds(frame, odd_messages, st.none() | st.binary(max_size=9)),
    st.builds(frame, st.sampled_from(ODD)),
    st.builds(lambda seed: Forger(seed).tampered(), st.integers(0, 1 << 30)),
    st.binary(max_size=50),
)


@given(st.lists(said, max_size=5))
@MANY
def test_whatever_comes_every_open_request_ends_and_nothing_else_is_raised(
    pieces: list[bytes],
) -> None:
    async def play(far: Played, tasks: anyio.abc.TaskGroup) -> None:
        for number in range(3):
            tasks.start_soon(far.ask, number)
        for _ in range(3):
            await far.hear_message()
        for piece in pieces:
            far.to_peer.feed(piece)
        far.to_peer.end()
        await far.peer.wait_lost()

    anyio.run(played, play)


# Honest and hostile messages in turn


def note(number: int) -> bytes:
    return frame({"jsonrpc": "2.0", "method": "n", "params": {"n": number}})


def asked(method: str, number: int, data: bytes | None = None) -> bytes:
    about = {} if data is None else {"payload": {"at": "x", "kind": "bytes"}}
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"n": number}}
    return frame(message | about, data)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the peer tells nobody
        await anyio.lowlevel.checkpoint()


class Model:
    """What an honest exchange must come to, step by step."""

    def __init__(self, far: Played, tasks: anyio.abc.TaskGroup) -> None:
        self._far = far
        self._tasks = tasks
        self._ids: dict[int, int] = {}
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._abandoned: list[int] = []
        self._served: list[int] = []
        self._next = 0
        self._noted: list[object] = []

    async def step(self, name: str, pick: int) -> None:
        self._next += 1
        await getattr(self, f"_{name}")(self._next, pick)

    async def _ask(self, number: int, pick: int) -> None:
        async def ask() -> None:
            with self._scopes.setdefault(number, anyio.CancelScope()):
                await self._far.ask(number)

        self._tasks.start_soon(ask)
        message = await self._far.hear_message()
        assert message["params"] == {"n": number}
        self._ids[number] = message["id"]

    async def _reply(self, _: int, pick: int) -> None:
        if not self._ids:
            return
        number = sorted(self._ids)[pick % len(self._ids)]
        message = {"jsonrpc": "2.0", "id": self._ids.pop(number), "result": [number]}
        self._far.to_peer.feed(frame(message))
        await until(lambda: number in self._far.outcomes)
        assert self._far.outcomes[number] == [number]

    async def _give_up(self, _: int, pick: int) -> None:
        if self._ids:
            number = sorted(self._ids)[pick % len(self._ids)]
            self._scopes[number].cancel()
            self._abandoned.append(self._ids.pop(number))
            # Its task learns of it now
            await anyio.wait_all_tasks_blocked()

    async def _reply_late(self, _: int, pick: int) -> None:
        if self._abandoned:
            number = self._abandoned.pop(pick % len(self._abandoned))
            self._far.to_peer.feed(frame({"jsonrpc": "2.0", "id": number, "result": "late"}))

    async def _note(self, number: int, pick: int) -> None:
        self._noted.append(number)
        self._far.to_peer.feed(note(number))
        await until(lambda: self._far.heard == self._noted)

    async def _be_asked(self, number: int, pick: int) -> None:
        data = None if pick % 2 else bytes(pick)
        self._far.to_peer.feed(asked("fail" if pick % 3 else "m", number, data))
        reply = await self._far.hear_message()
        assert reply["id"] == number and ("error" in reply) == bool(pick % 3)

    async def _be_asked_long(self, number: int, pick: int) -> None:
        self._far.go_on[number] = anyio.Event()
        self._far.began = anyio.Event()
        self._far.to_peer.feed(asked("m", number, b"x" * pick))
        self._served.append(number)
        await self._far.began.wait()

    async def _answer(self, _: int, pick: int) -> None:
        if self._served:
            number = self._served.pop(pick % len(self._served))
            self._far.go_on[number].set()
            assert (await self._far.hear_message())["id"] == number

    async def _cancel(self, _: int, pick: int) -> None:
        self._far.peer.cancel_served(9999)
        if self._served:
            number = self._served.pop(pick % len(self._served))
            self._far.peer.cancel_served(number)

    async def end(self, hostile: bytes) -> None:
        """Break the protocol; everything that is open fails at once."""
        self._far.to_peer.feed(hostile)
        lost = await self._far.peer.wait_lost()
        await until(lambda: self._ids.keys() <= self._far.outcomes.keys())
        assert all(self._far.outcomes[number] is lost for number in self._ids)
        await self._far.ask(-1)
        assert isinstance(self._far.outcomes[-1], PeerError)
        self._far.assert_nothing_open()


STEPS = [name[1:] for name in vars(Model) if name[0] == "_" and name[1] != "_"]
HOSTILE = [
    b"noise",
    b"Content-Length: 2000000\r\n\r\n",
    frame(b"{"),
    frame(b"\xff"),
    frame({"jsonrpc": "2.0", "id": 10**6, "result": 1}),
    frame({"jsonrpc": "2.0", "id": 10**6, "error": {"message": "x"}}),
    frame({"jsonrpc": "2.0", "result": 1}),
    asked("m", 10**6, b"") + asked("m", 10**6, b""),
    frame({"jsonrpc": "2.0", "id": None, "method": "m"}),
    frame({"jsonrpc": "2.0", "method": "m", "node": 0}),
    frame({"jsonrpc": "2.0", "method": ["m"]}),
    frame({"jsonrpc": "2.0", "method": "m", "params": []}),
    frame({"jsonrpc": "2.0", "method": "m"}, b"x"),
]
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 60)), max_size=25)


@given(steps, st.sampled_from(HOSTILE))
@MANY
def test_what_is_honest_is_served_right_until_the_first_hostile_message(
    taken: list[tuple[str, int]], hostile: bytes
) -> None:
    async def play(far: Played, tasks: anyio.abc.TaskGroup) -> None:
        # The same id twice is hostile only while the first is open
        far.go_on[10**6] = anyio.Event()
        model = Model(far, tasks)
        for name, pick in taken:
            await model.step(name, pick)
        await model.end(hostile)

    anyio.run(played, play)
