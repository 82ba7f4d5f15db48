"""A peer whose other end a test plays by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from rlm_runtime._frames import FrameLimits, FrameReader
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
from tests.pipes import Pipe, frame

LIMITS = FrameLimits(json=1 << 20, payload=1 << 22)


def reply(number: int, **members: object) -> bytes:
    return frame({"jsonrpc": "2.0", "id": number, **members})


async def refuse(method: str, params: Params, payload: Payload | None) -> Reply:
    raise RequestError(f"no {method}")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the peer tells nobody
        await anyio.sleep(0.001)


def ignore(method: str, params: Params) -> None:
    pass


class Far:
    """The other end of a peer, played by hand."""

    def __init__(self) -> None:
        self.to_peer = Pipe()
        self.from_peer = Pipe()
        self._reader = FrameReader(self.from_peer, FrameLimits())

    async def hear(self) -> Any:
        heard = await self._reader.read()
        assert heard is not None
        return json.loads(heard[0])


@asynccontextmanager
async def by_hand(
    on_request: OnRequest = refuse, on_notification: OnNotification = ignore
) -> AsyncIterator[tuple[Peer, Far]]:
    far = Far()
    with anyio.fail_after(20):
        async with open_peer(
            far.to_peer,
            far.from_peer,
            on_request=on_request,
            on_notification=on_notification,
            limits=LIMITS,
        ) as peer:
            yield peer, far


def request(*, data: int | None = None, **members: object) -> bytes:
    payload = None if data is None else bytes(data)
    return frame({"jsonrpc": "2.0", "method": "m", **members}, payload)
