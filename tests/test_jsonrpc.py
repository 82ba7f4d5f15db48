"""The peer against another peer, and against an end that keeps to nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._frames import PeerError
from rlm_runtime._jsonrpc import (
    OnNotification,
    OnRequest,
    Params,
    Peer,
    Reply,
    RequestError,
    open_peer,
)
from rlm_runtime._payload import Payload
from tests.peers import by_hand, ignore, refuse, reply, request, until
from tests.pipes import Pipe, frame

pytestmark = pytest.mark.anyio

# The peer against a peer


@asynccontextmanager
async def two_peers(
    left: OnRequest = refuse,
    right: OnRequest = refuse,
    *,
    heard: OnNotification = ignore,
    piece: int = 65_536,
    room: int = 1 << 20,
) -> AsyncIterator[tuple[Peer, Peer]]:
    there, back = Pipe(piece=piece, room=room), Pipe(piece=piece, room=room)
    with anyio.fail_after(30):
        async with (
            open_peer(back, there, on_request=left, on_notification=ignore) as one,
            open_peer(there, back, on_request=right, on_notification=heard) as other,
        ):
            yield one, other


async def echo(method: str, params: Params, payload: Payload | None) -> Reply:
    back = None if payload is None else Payload(payload.kind, payload.data)
    return Reply({"method": method, "params": params}, back)


@pytest.mark.parametrize("piece", [1, 65_536])
async def test_a_request_and_its_payload_come_back_as_they_were(piece: int) -> None:
    data = bytes(range(256)) * 20
    async with two_peers(right=echo, piece=piece) as (peer, _):
        bare = await peer.request("m", {"a": ["ü", None, 2**60]})
        assert bare == Reply({"method": "m", "params": {"a": ["ü", None, 2**60]}}, None)
        for sent in (Payload("bytes", data), Payload("utf8", b""), Payload("value", b"\0")):
            back = (await peer.request("m", {}, sent)).payload
            assert isinstance(back, Payload) and (back.kind, bytes(back.data)) == (
                sent.kind,
                sent.data,
            )


async def test_a_payload_larger_than_the_pipe_crosses_in_both_directions_at_once() -> None:
    data = bytes(3 << 20)
    async with two_peers(echo, echo, room=10_000) as (one, other):
        async with anyio.create_task_group() as tasks:
            for peer in (one, other):
                tasks.start_soon(peer.request, "m", {}, Payload("bytes", data))


async def test_requests_of_both_sides_are_open_at_the_same_time() -> None:
    async def ask_back(method: str, params: Params, payload: Payload | None) -> Reply:
        if params["left"] == 0:
            return Reply("bottom")
        asked = await peers[params["left"] % 2].request("m", {"left": params["left"] - 1})
        return Reply([asked.result])

    async with two_peers(ask_back, ask_back) as peers:
        assert (await peers[0].request("m", {"left": 3})).result == [[["bottom"]]]


async def test_replies_find_their_requests_in_any_order() -> None:
    async def late(method: str, params: Params, payload: Payload | None) -> Reply:
        await answered[params["n"] + 1].wait()
        return Reply(params["n"])

    answers: list[tuple[int, int]] = []
    # Each but the last waits for the one after it
    answered = [anyio.Event() for _ in range(6)]
    answered[5].set()

    async def ask(number: int) -> None:
        answers.append((number, (await peer.request("m", {"n": number})).result))
        answered[number].set()

    async with two_peers(right=late) as (peer, _), anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(ask, number)
    assert answers == [(n, n) for n in (4, 3, 2, 1, 0)]


async def test_a_failed_request_carries_its_reason_data_and_payload() -> None:
    async def fail(method: str, params: Params, payload: Payload | None) -> Reply:
        raise RequestError("no \ud800", data={"why": 1}, payload=Payload("utf8", b"part"))

    async with two_peers(right=fail) as (peer, _):
        with pytest.raises(RequestError, match="no \ud800") as caught:
            await peer.request("m", {})
        assert caught.value.data == {"why": 1}
        assert caught.value.payload == Payload("utf8", bytearray(b"part"))
        with pytest.raises(RequestError):
            await peer.request("m", {})


async def test_a_cancelled_sender_leaves_no_half_frame_behind() -> None:
    async with two_peers(right=echo, room=1000) as (peer, _):
        for moment in range(20):
            with anyio.move_on_after(moment / 2000):
                await peer.request("m", {}, Payload("bytes", bytes(200_000)))
        assert (await peer.request("m", {"still": "here"})).result["params"] == {"still": "here"}


async def test_a_reply_to_a_cancelled_request_is_dropped() -> None:
    async with by_hand() as (peer, far):
        with anyio.move_on_after(0.02) as scope:
            await peer.request("m", {})
        assert scope.cancelled_caught
        far.to_peer.feed(reply(0, result="late"))
        far.to_peer.feed(reply(1, result="next"))
        assert (await peer.request("m", {})).result == "next"
        far.to_peer.feed(reply(0, result="later still"))
        with pytest.raises(PeerError, match="reply 0: no such request is open"):
            await peer.request("m", {})


# The peer against an end that keeps to nothing


BREAKS: dict[str, tuple[bytes, str]] = {
    "no frame": (b"hello\n", "bad header"),
    "a size over the limit": (b"Content-Length: 1048577\r\n\r\n", "the limit is 1048576"),
    "the end of the stream": (b"", "closed the connection"),
    "broken JSON": (frame(b'{"jsonrpc": "2.0"'), "not JSON"),
    "no UTF-8": (frame(b'{"jsonrpc": "2.0", "method": "\xff"}'), "not JSON in UTF-8"),
    "UTF-16": (frame('{"jsonrpc": "2.0", "method": "x"}'.encode("utf-16")), "not JSON in UTF-8"),
    "surrogates in UTF-8": (frame(b'{"jsonrpc":"2.0","method":"\xed\xa0\x80"}'), "in UTF-8"),
    "endless digits": (frame(b'{"id": %b}' % (b"9" * 5000)), "not JSON"),
    "100,000 levels": (frame(b"[" * 100_000 + b"]" * 100_000), "not JSON"),
    "100,000 levels of objects": (frame(b'{"":' * 100_000), "not JSON"),
    "no object": (frame([1]), "not JSON-RPC 2.0"),
    "a member that no message has": (request(node=0), "members that no message has"),
    "a payload that names more": (
        request(payload={"at": "x", "kind": "utf8", "node": 0}, data=1),
        "payload is not what",
    ),
    "no version": (frame({"method": "x"}), "not JSON-RPC 2.0"),
    "another version": (frame({"jsonrpc": 2.0, "method": "x"}), "not JSON-RPC 2.0"),
    "params that are a list": (request(params=[1]), "params are not an object"),
    "params that are null": (request(params=None), "params are not an object"),
    "a method that is not text": (request(method=1), "method is not text"),
    "a payload announced but absent": (request(payload={"kind": "utf8"}), "payload is not what"),
    "a payload that nothing announces": (frame({"jsonrpc": "2.0", "method": "x"}, b""), "payload"),
    "a payload of an unknown kind": (
        frame({"jsonrpc": "2.0", "method": "x", "payload": {"kind": "pickle"}}, b"x"),
        "payload is not what",
    ),
    "a payload that is not described": (
        frame({"jsonrpc": "2.0", "method": "x", "payload": ["utf8"]}, b"x"),
        "payload is not what",
    ),
    "an id that is text": (request(id="1"), "not a new number"),
    "an id that is null": (request(id=None), "not a new number"),
    "an id that is a boolean": (request(id=True), "not a new number"),
    "an id that is a float": (request(id=1.0), "not a new number"),
    "an id that is deep": (request(id=json.loads("[" * 500 + "]" * 500)), "not a new number"),
    "an id that is in use": (request(id=7) + request(id=7), "not a new number"),
    "a reply to a request never made": (reply(99, result=1), "reply 99: no such request"),
    "a second reply": (reply(1, result=1) * 2, "reply 1: no such request"),
    "a reply without id": (frame({"jsonrpc": "2.0", "result": 1}), "it has no id"),
    "a reply to a boolean": (frame({"jsonrpc": "2.0", "id": False, "result": 1}), "no id"),
    "a reply that says nothing": (reply(1), "neither result nor error"),
    "an error without message": (reply(1, error={"code": 1}), "neither result nor error"),
    "an error that is text": (reply(1, error="bad"), "neither result nor error"),
}


async def never(method: str, params: Params, payload: Payload | None) -> Reply:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize(("data", "message"), BREAKS.values(), ids=BREAKS.keys())
async def test_what_breaks_the_protocol_fails_every_open_request(data: bytes, message: str) -> None:
    failed: list[str] = []

    async def ask() -> None:
        try:
            await peer.request("m", {})
        except PeerError as exc:
            failed.append(str(exc))

    async with by_hand(never) as (peer, far):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
            for _ in range(3):
                await far.hear()
            far.to_peer.feed(data)
            if not data:
                far.to_peer.end()
        # A reply may have been good before the break
        assert len(failed) >= 2 and all(message in text for text in failed)
        assert message in str(await peer.wait_lost())
        with pytest.raises(PeerError, match="closed|Cannot"):
            await peer.request("m", {})


async def test_more_than_2000_open_requests_end_the_peer() -> None:
    async with by_hand(never) as (peer, far):
        for number in range(2000):
            far.to_peer.feed(request(id=number))
        far.to_peer.feed(frame({"jsonrpc": "2.0", "method": "n"}))
        with anyio.move_on_after(0.3) as scope:
            await peer.wait_lost()
        assert scope.cancelled_caught
        far.to_peer.feed(request(id=2000))
        assert "request 2000: 2000 are open" in str(await peer.wait_lost())


async def test_cancel_served_stops_the_handler_and_sends_no_reply() -> None:
    stopped = anyio.Event()

    async def serve(method: str, params: Params, payload: Payload | None) -> Reply:
        if method == "quick":
            return Reply("done")
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()
        raise AssertionError

    async with by_hand(serve) as (peer, far):
        far.to_peer.feed(request(id=5))
        await anyio.wait_all_tasks_blocked()
        for nobody in (4, "5", None, [5], True):
            peer.cancel_served(nobody)
        await anyio.wait_all_tasks_blocked()
        assert not stopped.is_set()
        peer.cancel_served(5)
        await stopped.wait()
        far.to_peer.feed(request(id=6, method="quick"))
        assert await far.hear() == {"jsonrpc": "2.0", "id": 6, "result": "done"}


async def test_notifications_are_taken_in_order() -> None:
    heard: list[object] = []
    async with by_hand(on_notification=lambda _, params: heard.append(params["n"])) as (_, far):
        far.to_peer.feed(b"".join(request(params={"n": n}) for n in range(50)))
        await until(lambda: len(heard) >= 50)
    assert heard == list(range(50))


async def test_the_end_of_the_block_ends_what_is_open() -> None:
    ended: list[str] = []

    async def serve(method: str, params: Params, payload: Payload | None) -> Reply:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("served")
        raise AssertionError

    async def ask() -> None:
        with pytest.raises(PeerError, match="closed the connection"):
            await peer.request("m", {})
        ended.append("asked")

    async with anyio.create_task_group() as tasks:
        async with by_hand(serve) as (peer, far):
            tasks.start_soon(ask)
            far.to_peer.feed(request(id=0))
            await anyio.wait_all_tasks_blocked()
            assert not ended
    assert sorted(ended) == ["asked", "served"]
