"""A run ends with an outcome, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest

from rlm_runtime._cli.execute import OpenRunner, Outcome, Runner, execute
from rlm_runtime._cli.progress import EventLines, NoProgress
from rlm_runtime._context import Context
from rlm_runtime._errors import ConfigError, ModelError
from rlm_runtime._events import Event
from rlm_runtime._runner import RunResult
from rlm_runtime._types import Usage
from tests._cli.events import node_started, run_ended, run_started

pytestmark = pytest.mark.anyio

ABSENT = "the query itself"


class FakeRunner:
    """Answers with what it was asked, after what `before` does."""

    def __init__(
        self,
        on_event: Callable[[Event], None],
        before: Callable[[], None] | None = None,
        hang: bool = False,
    ) -> None:
        self._on_event = on_event
        self._before = before
        self._hang = hang

    async def run(
        self, query: str, *, output_type: object = None, context: object = ABSENT
    ) -> RunResult:
        self._on_event(run_started(query))
        self._on_event(node_started(0))
        if self._before is not None:
            self._before()
        if self._hang:
            try:
                await anyio.sleep_forever()
            finally:
                self._on_event(run_ended("interrupted", "so far", "str"))
        return RunResult(
            answer=(query, context),
            stop_reason="answered",
            usage=Usage(calls=1),
            run_id="r1",
            trace_path=None,
            seconds=0.1,
            nodes=1,
        )


def opener(before: Callable[[], None] | None = None, hang: bool = False) -> OpenRunner:
    @asynccontextmanager
    async def open_runner(
        on_event: Callable[[Event], None], on_setup: Callable[[str], None]
    ) -> AsyncIterator[Runner]:
        on_setup("fetching\x1b[2J")
        yield FakeRunner(on_event, before, hang)

    return open_runner


async def run(
    before: Callable[[], None] | None = None, hang: bool = False, context: Context | None = None
) -> Outcome:
    with anyio.fail_after(10):
        return await execute(opener(before, hang), "q", context, NoProgress())


async def test_result_and_events_are_in_the_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = await execute(opener(), "q", None, EventLines())
    assert outcome.result is not None
    assert outcome.result.answer == ("q", ABSENT)
    assert (outcome.error, outcome.signum, outcome.tally.run) == (None, None, "r1")
    assert capsys.readouterr().err == "fetching\\x1b[2J\nnode 0 started at depth 0: q\n"


async def test_context_is_handed_over() -> None:
    outcome = await run(context=Context(value={"a.txt": "text"}))
    assert outcome.result is not None
    assert outcome.result.answer == ("q", {"a.txt": "text"})


@pytest.mark.parametrize("error", [ModelError("x"), ValueError("x")])
async def test_error_is_in_the_outcome(error: Exception) -> None:
    def fail() -> None:
        raise error

    outcome = await run(before=fail)
    assert (outcome.result, outcome.error, outcome.signum) == (None, error, None)


async def test_error_of_the_opening_is_in_the_outcome() -> None:
    error = ConfigError("x")

    def open_runner(*_: object) -> AbstractAsyncContextManager[Runner]:
        raise error

    assert (await execute(open_runner, "q", None, NoProgress())).error is error


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_first_signal_cancels_and_keeps_what_the_run_had(signum: signal.Signals) -> None:
    outcome = await run(before=lambda: os.kill(os.getpid(), signum), hang=True)
    assert (outcome.result, outcome.error, outcome.signum) == (None, None, signum)
    assert outcome.tally.ended is not None
    assert outcome.tally.ended.answer == "so far"


HANGING_CLEAN_UP = """
import sys
from contextlib import asynccontextmanager
import anyio
from rlm_runtime._cli.execute import execute
from rlm_runtime._cli.progress import NoProgress

class Stubborn:
    async def run(self, query, *, context=None):
        print("running", flush=True)
        try:
            await anyio.sleep_forever()
        finally:
            print("cleaning", flush=True)
            with anyio.CancelScope(shield=True):
                await anyio.sleep_forever()

@asynccontextmanager
async def open_runner(on_event, on_setup):
    yield Stubborn()

anyio.run(execute, open_runner, "q", None, NoProgress())
"""


def test_second_signal_ends_the_process_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING_CLEAN_UP], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"cleaning\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"rlm: Stopping; once more to stop at once\n"
