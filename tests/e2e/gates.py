"""A model that replies when a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from rlm_runtime.testing import LoopbackServer, open_loopback_server


@dataclass
class Gate:
    """A model that replies when it is told to."""

    server: LoopbackServer
    portal: BlockingPortal
    event: anyio.Event

    def open(self) -> None:
        """Let it reply."""
        self.portal.call(self.event.set)

    def wait_asked(self, times: int = 1) -> None:
        """Wait until it has been asked so many times."""

        async def wait() -> None:
            with anyio.fail_after(50):
                while self.server.stats.requests < times:  # noqa: ASYNC110
                    await anyio.sleep(0.01)

        self.portal.call(wait)

    @property
    def command(self) -> list[str]:
        """Give the command of a run that asks it once."""
        url = ["--base-url", self.server.base_url]
        return ["run", "-p", "How many?", "-m", "m", "--mode", "direct", *url]


@contextmanager
def open_gate(reply: str = "forty-two") -> Iterator[Gate]:
    """Serve such a model for the length of the block."""
    with start_blocking_portal() as portal:
        event = portal.call(anyio.Event)

        async def policy(_: Sequence[object]) -> str:
            await event.wait()
            return reply

        with portal.wrap_async_context_manager(open_loopback_server(policy)) as server:
            yield Gate(server, portal, event)
