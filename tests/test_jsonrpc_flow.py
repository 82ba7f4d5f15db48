"""What a peer holds of the messages that come, and what it leaves to others."""

from __future__ import annotations

import time
import tracemalloc

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._frames import FrameLimits
from rlm_runtime._jsonrpc import Params, Reply, RequestError, open_peer
from rlm_runtime._payload import Payload
from tests.peers import LIMITS, by_hand, ignore, request, until
from tests.pipes import Pipe, frame

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["answer", "fail"])
async def test_what_was_served_is_not_held_while_the_reply_waits(method: str) -> None:
    served: list[int] = []

    async def serve(method: str, params: Params, payload: Payload | None) -> Reply:
        served.append(len(params["text"]))
        if method == "fail":
            raise RequestError("no")
        return Reply({})

    # The far end never reads, so that no reply can go
    there, back = Pipe(room=1 << 22), Pipe(room=1)
    about = {"at": "params.value", "kind": "bytes"}
    tracemalloc.start()
    try:
        async with open_peer(there, back, on_request=serve, on_notification=ignore, limits=LIMITS):
            for number in range(20):
                params = {"text": "x" * 500_000}
                await there.send(
                    request(id=number, method=method, params=params, payload=about, data=2_000_000)
                )
            with anyio.fail_after(10):
                await until(lambda: len(served) >= 20)
            await anyio.wait_all_tasks_blocked()
            assert tracemalloc.get_traced_memory()[0] < 5_000_000
    finally:
        tracemalloc.stop()


async def test_messages_without_end_leave_turns_to_others() -> None:
    taken = most = 0

    def burn(method: str, params: Params) -> None:
        nonlocal taken
        taken += 1
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass

    async with by_hand(on_notification=burn) as (_, far):
        far.to_peer.feed(request() * 100)
        while taken < 100:
            before = taken
            await anyio.lowlevel.checkpoint()
            most = max(most, taken - before)
    # Each takes 2 ms, and a slice has 5
    assert 0 < most <= 5


async def test_it_reads_no_further_while_it_holds_too_much() -> None:
    begun: list[str] = []
    go_on = anyio.Event()

    async def hold(method: str, params: Params, payload: Payload | None) -> Reply:
        begun.append(method)
        await go_on.wait()
        return Reply({})

    there, back = Pipe(room=1 << 20), Pipe(room=1 << 20)
    limits = FrameLimits(held=1000)
    with anyio.fail_after(5):
        async with open_peer(there, back, on_request=hold, on_notification=ignore, limits=limits):
            for number in range(4):
                about = {"at": "params.value", "kind": "bytes"}
                message = {"jsonrpc": "2.0", "id": number, "method": f"m{number}", "payload": about}
                await there.send(frame(message, b"x" * 600))
            await until(lambda: len(begun) >= 2)
            await anyio.wait_all_tasks_blocked()
            assert begun == ["m0", "m1"]
            go_on.set()
            await until(lambda: len(begun) >= 4)
            assert begun == ["m0", "m1", "m2", "m3"]
