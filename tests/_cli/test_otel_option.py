"""`--otel` sends spans beside a run, and what becomes of them ends no run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from rlm_runtime._cli.execute import Runner
from rlm_runtime._cli.otel_option import with_spans
from rlm_runtime._events import Event
from tests._cli.events import SMALL_RUN
from tests.otlp_receiver import open_receiver

pytestmark = pytest.mark.anyio


async def run_with_spans() -> tuple[list[Event], list[str]]:
    """Give what a run with `--otel` tells."""
    told: list[Event] = []
    lines: list[str] = []

    @asynccontextmanager
    async def open_runner(
        on_event: Callable[[Event], None], on_setup: Callable[[str], None]
    ) -> AsyncIterator[Runner]:
        for event in SMALL_RUN:
            on_event(event)
        yield cast(Runner, None)  # it is only passed on

    async with with_spans(open_runner)(told.append, lines.append):
        pass
    return told, lines


async def test_events_are_told_and_spans_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        told, lines = await run_with_spans()
    assert (told, lines) == (list(SMALL_RUN), [])
    assert len(receiver.spans) == 7


async def test_a_collector_that_refuses_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_receiver() as receiver:
        receiver.statuses = [500]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        told, (line,) = await run_with_spans()
    assert told == list(SMALL_RUN)
    assert line.startswith("rlm: warning: Cannot send spans to 'http://")
