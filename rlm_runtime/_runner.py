"""The runs of an open RLM: each has a trace, sandboxes and a result of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio.to_thread

from rlm_runtime._answer_types.base import AnswerType
from rlm_runtime._engine.contexts import memory_for
from rlm_runtime._engine.direct import most_prompt_chars
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.past import RunPast
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recorded import RecordedReplies, open_recorded
from rlm_runtime._engine.replay import ReadValue
from rlm_runtime._engine.run import Run
from rlm_runtime._engine.seeds import SEED_BITS
from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import ConfigError, RLMError
from rlm_runtime._events import Event, usage_of
from rlm_runtime._export.live import listen
from rlm_runtime._forking import begin_fork, read_fork_point
from rlm_runtime._limits import Limits
from rlm_runtime._llm.prices import check_priced
from rlm_runtime._modes import AskedMode, Mode, ModeChoice, choose_mode
from rlm_runtime._prompts import Prompts
from rlm_runtime._resuming import (
    Recorded,
    Values,
    check_tools,
    open_values,
    read_answer,
    read_given,
    read_recorded,
)
from rlm_runtime._sandbox.base import OpenSandbox
from rlm_runtime._sandbox.pool import Pool
from rlm_runtime._trace.places import new_run_id
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._trace.writer import TraceWriter, open_trace_writer, reopen_trace_writer
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
class _Task:
    """What one run is to answer, and how."""

    run: str
    query: str
    context: object
    answer_type: AnswerType | None
    seed: int
    mode: ModeChoice


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
    settings: str = ""
    """What else the runs are set to, as their traces tell it."""

    async def run(self, query: str, context: object, answer_type: AnswerType | None) -> RunResult:
        """Answer a query.

        Raises:
            RLMError: There is no answer; `usage` and `trace_path` are set.
        """
        run_id, recall = new_run_id(), self._recall()
        task = _Task(
            run=run_id,
            query=query,
            context=context,
            answer_type=answer_type,
            seed=_choose_seed(recall),
            mode=self.choose_mode(query, context),
        )
        async with self._open_trace(run_id) as trace:
            recorder = Recorder(trace, listen(self.on_event, run_id))
            path = None if trace is None else trace.path
            return await self._answer(task, recorder, path, recall)

    async def resume(
        self, path: Path, answer_type: AnswerType | None, limits: Limits | None
    ) -> RunResult:
        """Go on with the run of a trace; what is in its record is neither asked nor paid again.

        Args:
            path: The trace. What is new is added to it.
            answer_type: What the answer must be; None for what it had to be before.
            limits: What all sessions of the run together may spend; None for what they were.

        Raises:
            RLMError: There is no answer; `usage` and `trace_path` are set.
        """
        recorded = await read_recorded(path, answer_type)
        if recorded.is_answered:
            return await repeat(recorded)
        async with reopen_trace_writer(path) as trace, open_values(path) as values:
            # Nobody else writes now, but somebody may have since it was read
            recorded = await read_recorded(path, answer_type)
            runner = replace(self, limits=limits or recorded.limits)
            runner.check_can_resume(recorded.past)
            recall, past = self._recall(), recorded.past
            on_event = await anyio.to_thread.run_sync(
                listen, self.on_event, past.run, values.events()
            )
            recorder = Recorder(trace, on_event, first_seq=past.next_seq)
            task = await _task_of(recorded, values)
            try:
                return await runner._answer(task, recorder, path, recall, past, values.read)
            except RLMError as exc:
                exc.trace_path = path
                raise

    async def fork(
        self,
        source: Path,
        at: tuple[int, int],
        say: str,
        answer_type: AnswerType | None,
        limits: Limits | None,
    ) -> RunResult:
        """Begin a run that shares the record of another one up to a reply, which it asks for anew.

        What the other run was answered after that is taken for the same requests.

        Args:
            source: The trace of the other run.
            at: The node, and the number of the reply.
            say: What the node is told in addition; empty for nothing.
            answer_type: What the answer must be; None for what it had to be before.
            limits: What the run may spend, with all that is shared; None for what they were.

        Raises:
            RLMError: There is no answer; `usage` and `trace_path` are set.
        """
        if self.trace_dir is None:
            raise ConfigError("Cannot fork without a trace: set trace_dir to a folder for it")
        point = await read_fork_point(source, *at)
        await self._check_fork(source, answer_type, limits)
        others = () if self.recorded is None else self.recorded.paths
        async with open_recorded([source, *others], point) as recorded:
            run = new_run_id()
            path, event = await begin_fork(source, point, self.trace_dir, run, say=say)
            if (on_event := listen(self.on_event, run)) is not None:
                on_event(event)
            return await replace(self, recorded=recorded).resume(path, answer_type, limits)

    async def _check_fork(
        self, source: Path, answer_type: AnswerType | None, limits: Limits | None
    ) -> None:
        """See that a run can go on, before anything is written."""
        recorded = await read_recorded(source, answer_type)
        replace(self, limits=limits or recorded.limits).check_can_resume(recorded.past)

    def check_can_resume(self, past: RunPast) -> None:
        """See that what the run had is here, too.

        Raises:
            ConfigError: Something is missing.
        """
        check_tools(past, {*self.tools.root, *self.tools.children})
        if self.limits.max_cost is not None and not self.recall_only:
            check_priced(self.models.everyone)
        if self.pool is None and past.mode != "direct":
            raise ConfigError("Cannot resume this run with mode='direct': its nodes have a REPL")

    async def _answer(
        self,
        task: _Task,
        recorder: Recorder,
        path: Path | None,
        recall: Recall | None,
        past: RunPast | None = None,
        read_value: ReadValue | None = None,
    ) -> RunResult:
        started = time.monotonic()
        with self._sandboxes(task.mode) as open_sandbox:
            run = Run(
                models=self.models,
                limits=self.limits,
                prompts=self.prompts,
                open_sandbox=open_sandbox,
                recording=recorder,
                gate=self.gate,
                recall=recall,
                tools=self.tools,
                mode=task.mode,
                past=past,
                read_value=read_value,
            )
            try:
                answer = await run.answer(
                    task.query,
                    task.context,
                    run=task.run,
                    version=version("rlm-pyodide"),
                    answer_type=task.answer_type,
                    settings=self.settings,
                    seed=task.seed,
                )
            except RLMError as exc:
                exc.trace_path = path
                raise
        before = 0.0 if past is None else past.seconds
        return RunResult(
            answer=answer,
            stop_reason="answered",
            usage=run.ledger.usage,
            recalled=run.ledger.recalled,
            mode=task.mode.mode,
            run_id=task.run,
            trace_path=path,
            seconds=before + time.monotonic() - started,
            nodes=run.ledger.nodes,
        )

    def _recall(self) -> Recall | None:
        if self.recorded is None:
            return None
        return Recall(self.recorded, only=self.recall_only)

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


async def repeat(recorded: Recorded) -> RunResult:
    """Give the answer of a run that has one; nothing is written, and no model is asked.

    Raises:
        InputError: It is not of the type that is asked for now.
        TraceError: It is not in its trace.
    """
    past, ended = recorded.past, recorded.past.ended
    assert ended is not None, "it is answered"
    async with open_values(recorded.path) as values:
        answer = await read_answer(recorded, values)
    return RunResult(
        answer=answer,
        stop_reason="answered",
        usage=usage_of(ended),
        mode=past.mode,
        run_id=past.run,
        trace_path=recorded.path,
        seconds=ended.seconds,
        nodes=ended.nodes,
    )


async def _task_of(recorded: Recorded, values: Values) -> _Task:
    query, context = await read_given(recorded, values)
    past = recorded.past
    return _Task(
        run=past.run,
        query=query,
        context=context,
        answer_type=recorded.answer_type,
        seed=past.started.seed,
        mode=ModeChoice(past.mode),
    )


def _choose_seed(recall: Recall | None) -> int:
    """Take the seed of the recorded run, so that its code does the same; else a fresh one."""
    if recall is not None and recall.seed is not None:
        return recall.seed
    return secrets.randbits(SEED_BITS)


def _child_sandboxes(limits: Limits) -> int:
    """Give the most sandboxes that can live at once below the root."""
    width = limits.max_sandboxes * max(0, limits.max_depth - 1)
    return width if limits.max_nodes is None else min(width, limits.max_nodes - 1)
