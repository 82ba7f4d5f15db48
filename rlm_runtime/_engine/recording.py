"""What the engine asks of the recorder of its run."""

from __future__ import annotations

from typing import Protocol

from rlm_runtime._events import Event


class Recording(Protocol):
    """Takes the events and values of one run; values are kept once each, and named by reference."""

    def record(self, event: Event) -> None:
        """Note an event; it is written soon."""
        ...

    async def keep(self, value: object) -> str:
        """Keep a value, and give its reference; empty where it cannot be kept."""
        ...

    async def wait_written(self) -> None:
        """Wait until what was recorded so far survives the end of this process."""
        ...
