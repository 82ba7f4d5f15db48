"""The runs of an open RLM: each has a trace, sandboxes and a result of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rlm_runtime._answer_types.base import AnswerType
from rlm_runtime._engine.contexts import memory_for
from rlm_runtime._engine.direct import most_prompt_chars
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recorded import RecordedReplies
from rlm_runtime._engine.run import Run
from rlm_runtime._engine.seeds import SEED_BITS
from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import RLMError
from rlm_runtime._events import Event
from rlm_runtime._export.live import listen
from rlm_runtime._limits import Limits
from rlm_runtime._modes import AskedMode, Mode, ModeChoice, choose_mode
from rlm_runtime._prompts import Prompts
from rlm_runtime._sandbox.base import OpenSandbox
from rlm_runtime._sandbox.pool import Pool
from rlm_runtime._trace.places import new_run_id
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._trace.writer import TraceWriter, open_trace_writer
from rlm_runtime._types import StopReason, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run gave."""

    answer: Any
    """The Python object that the root gave to `FINAL`, as the output type has it."""
    stop_reason: StopReason
    usage: Usage
    """What the whole tree spent."""
    recalled: Usage = Usage()
    """What the replies that were taken from the record of other runs would have cost."""
    mode: Mode = "rlm"
    """How it was answered."""
    run_id: str
    trace_path: Path | None
    """The trace; None where none was asked for."""
    seconds: float
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """What the runs of an RLM have in common."""

    models: Models
    tools: Tools
    prompts: Prompts
    pool: Pool | None
    limits: Limits
    asked_mode: AskedMode
    direct_below_chars: int
    needs_code: str | None
    """What only code can use; None if there is no such thing."""
    trace_dir: Path | None
    on_event: Callable[[Event], None] | None
    gate: Gate
    recorded: RecordedReplies | None = None
    """What other runs have on record."""
    recall_only: bool = False

    async def run(self, query: str, context: object, answer_type: AnswerType | None) -> RunResult:
        """Answer a query.

        Raises:
            RLMError: There is no answer; `usage` and `trace_path` are set.
        """
        started = time.monotonic()
        mode = self.choose_mode(query, context)
        run_id = new_run_id()
        recall = None
        if self.recorded is not None:
            recall = Recall(self.recorded, only=self.recall_only)
        async with self._open_trace(run_id) as trace:
            with self._sandboxes(mode) as open_sandbox:
                run = Run(
                    models=self.models,
                    limits=self.limits,
                    prompts=self.prompts,
                    open_sandbox=open_sandbox,
                    recording=Recorder(trace, listen(self.on_event, run_id)),
                    gate=self.gate,
                    recall=recall,
                    tools=self.tools,
                    mode=mode,
                )
                path = None if trace is None else trace.path
                try:
                    answer = await run.answer(
                        query,
                        context,
                        run=run_id,
                        version=version("rlm-pyodide"),
                        answer_type=answer_type,
                        seed=_choose_seed(recall),
                    )
                except RLMError as exc:
                    exc.trace_path = path
                    raise
        return RunResult(
            answer=answer,
            stop_reason="answered",
            usage=run.ledger.usage,
            recalled=run.ledger.recalled,
            mode=mode.mode,
            run_id=run_id,
            trace_path=path,
            seconds=time.monotonic() - started,
            nodes=run.ledger.nodes,
        )

    @asynccontextmanager
    async def _open_trace(self, run: str) -> AsyncIterator[TraceWriter | None]:
        if self.trace_dir is None:
            yield None
            return
        async with open_trace_writer(self.trace_dir, run) as trace:
            yield trace

    def choose_mode(self, query: str, context: object) -> ModeChoice:
        """Choose how a query is answered."""
        return choose_mode(
            self.asked_mode,
            query,
            context,
            below_chars=self.direct_below_chars,
            most_chars=most_prompt_chars(self.models.root.info),
            needs_code=self.needs_code,
        )

    def _sandboxes(self, mode: ModeChoice) -> AbstractContextManager[OpenSandbox | None]:
        """Open the sandboxes of a run; one that is answered directly has none."""
        if self.pool is None or mode.mode == "direct":
            return nullcontext()
        room, memory_mb = _child_sandboxes(self.limits), memory_for(None, self.limits)
        return self.pool.run(room=room, memory_mb=memory_mb)


def _choose_seed(recall: Recall | None) -> int:
    """Take the seed of the recorded run, so that its code does the same; else a fresh one."""
    if recall is not None and recall.seed is not None:
        return recall.seed
    return secrets.randbits(SEED_BITS)


def _child_sandboxes(limits: Limits) -> int:
    """Give the most sandboxes that can live at once below the root."""
    width = limits.max_sandboxes * max(0, limits.max_depth - 1)
    return width if limits.max_nodes is None else min(width, limits.max_nodes - 1)
