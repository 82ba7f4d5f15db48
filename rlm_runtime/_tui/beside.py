"""Work that takes long, in a thread that ends when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from typing import TypeVar

import anyio.to_thread

_R = TypeVar("_R")


class GivenUpError(Exception):
    """Nobody waits for the work any more."""


async def run_beside(work: Callable[[Callable[[], None]], _R]) -> _R:
    """Do some work beside the event loop.

    Args:
        work: Gets a function that it calls often: that ends it once this is cancelled.
    """
    given_up = Flag()

    def check() -> None:
        if given_up.is_set():
            raise GivenUpError

    try:
        return await anyio.to_thread.run_sync(work, check, abandon_on_cancel=True)
    finally:
        given_up.set()
