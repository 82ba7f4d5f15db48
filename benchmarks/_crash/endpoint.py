"""The model of a run that is killed: it outlives the run, and keeps what it was asked."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from benchmarks._crash.tree import is_given_up, name_of, reply_to
from rlm_runtime.testing import Message, ScriptedReply

_LATENCY = (0.005, 0.06)
_PIECE_SECONDS = 0.002
_PIECE_CHARS = 20


@dataclass(slots=True)
class Asked:
    """One request, on the clock of `time.monotonic`."""

    name: str
    session: int
    """The process that made it, from 0 for the first."""
    at: float
    answered: float | None = None
    """When its reply was sent to the end; None where the process was gone before."""


class Endpoint:
    """Replies after a random time, a part of the replies piece by piece."""

    def __init__(self, rng: random.Random) -> None:
        self.asked: list[Asked] = []
        self.session = 0
        self._random = rng
        self._answers = 0
        self._next = anyio.Event()

    async def reply(self, messages: Sequence[Message]) -> ScriptedReply:
        """Reply as the tree has it."""
        asked = Asked(name_of(messages), self.session, time.monotonic())
        self.asked.append(asked)
        self._tell()
        if is_given_up(asked.name):
            await anyio.sleep_forever()
        await anyio.sleep(self._random.uniform(*_LATENCY))
        text = reply_to(messages)
        pause = _PIECE_SECONDS if self._random.random() < 0.25 else 0.0
        asked.answered = time.monotonic() + pause * (len(text) // _PIECE_CHARS)
        self._answers += 1
        self._tell()
        return ScriptedReply(text, chunk_seconds=pause)

    async def wait_moment(self, *, answers: int, requests: int) -> None:
        """Wait until so many more requests were answered, and so many were made."""
        answers += self._answers
        requests += len(self.asked)
        while self._answers < answers or len(self.asked) < requests:
            await self._next.wait()

    def _tell(self) -> None:
        self._next.set()
        self._next = anyio.Event()

    def names(self, session: int, *, answered_by: float | None = None) -> Counter[str]:
        """Count what a process asked; with a time, only what was answered until then."""
        return Counter(
            one.name
            for one in self.asked
            if one.session == session
            and (answered_by is None or (one.answered is not None and one.answered <= answered_by))
        )

    def first_asked(self, session: int) -> float | None:
        """Tell when a process made its first request."""
        return next((one.at for one in self.asked if one.session == session), None)
