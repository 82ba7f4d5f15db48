"""`--otel`: the spans of a run are sent while it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import click

from rlm_runtime._events import Event

_R = TypeVar("_R")
Opener = Callable[[Callable[[Event], None], Callable[[str], None]], AbstractAsyncContextManager[_R]]
"""As `OpenRunner`, of whatever does the work."""

otel_option = click.option(
    "--otel",
    envvar="RLM_OTEL",
    is_flag=True,
    help="Send OpenTelemetry spans to where OTEL_EXPORTER_OTLP_ENDPOINT says, as the run goes on.",
)


def with_spans(open_runner: Opener[_R]) -> Opener[_R]:
    """Open a runner whose spans are sent; that a collector does not take them ends no run."""

    @asynccontextmanager
    async def opened(
        on_event: Callable[[Event], None], on_setup: Callable[[str], None]
    ) -> AsyncIterator[_R]:
        # Loaded for those who ask for it
        from rlm_runtime._export.live import open_otel

        sink = None
        try:
            async with open_otel(then=on_event) as sink, open_runner(sink, on_setup) as runner:
                yield runner
        finally:
            if sink is not None and sink.problem is not None:
                on_setup(f"rlm: warning: {sink.problem}")

    return opened
