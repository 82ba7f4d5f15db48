"""What must be on record before a run goes on is on record by then."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.lowlevel
import pytest

from rlm_runtime._engine.models import Models
from rlm_runtime._engine.run import Run
from rlm_runtime._events import (
    AnswerGiven,
    CodeStarted,
    Event,
    ModelAttemptStarted,
    ModelReplied,
    NodeEnded,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Message
from tests._engine.fakes import FakeSandboxes, repl

pytestmark = pytest.mark.anyio


class Slow:
    """A recording that writes only when it is waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.written = 0
        self.late: list[str] = []

    def record(self, event: Event) -> None:
        match event:
            case CodeStarted():
                self.expect(ModelReplied)
            case NodeEnded(stop_reason="answered"):
                self.expect(AnswerGiven)
        self.events.append(event)

    async def keep(self, value: object) -> str:
        return ""

    async def wait_written(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.written = len(self.events)

    def expect(self, kind: type[Event]) -> None:
        """Note it where the last event of this kind is not written yet."""
        told = [n for n, event in enumerate(self.events) if isinstance(event, kind)]
        if not told or told[-1] >= self.written:
            self.late.append(kind.__name__)


async def test_attempts_replies_and_answers_are_on_record_before_the_run_goes_on() -> None:
    recording = Slow()

    def policy(messages: Sequence[Message]) -> str:
        recording.expect(ModelAttemptStarted)
        return repl("print(1)") if len(messages) == 2 else repl("await FINAL(2)")

    llm = ScriptedLLM(policy)
    run = Run(
        models=Models(root=llm, subs=[llm], aliases={}),
        limits=Limits(),
        prompts=Prompts.load(),
        open_sandbox=FakeSandboxes(),
        recording=recording,
    )
    assert await run.answer("root", None, run="run", version="1") == 2
    assert recording.late == []
