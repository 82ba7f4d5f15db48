"""Runs that are cut off anywhere, and go on: records in memory, and what was asked of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import anyio.lowlevel

from rlm_runtime._answer_types.base import answer_type_of
from rlm_runtime._engine.keys import request_key
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.past import RunPast
from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._engine.run import Run
from rlm_runtime._engine.tools import NO_TOOLS, Tools
from rlm_runtime._errors import RLMError
from rlm_runtime._events import Event, ModelReplied, ModelRequested
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.scripted import Policy, ScriptedLLM
from rlm_runtime._modes import WITH_REPL, ModeChoice
from rlm_runtime._prompts import Prompts
from rlm_runtime._trace.values import pack_value, unpack_value
from rlm_runtime._types import Completion, Message
from rlm_runtime._values import UnsendableError
from tests._engine.fakes import FakeSandboxes


@dataclass
class MemoryTrace:
    """A trace in memory; it tells each event once it is in."""

    log: list[Event | tuple[str, object]] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda event: None
    next_seq: int = 0

    def record(self, event: Event) -> None:
        stamped = replace(event, seq=self.next_seq, mono=anyio.current_time())
        self.next_seq += 1
        self.log.append(stamped)
        self.on_event(stamped)

    async def keep(self, value: object) -> str:
        try:
            packed = pack_value(value)
        except UnsendableError:
            return ""
        if packed.ref not in self.values:
            self.log.append((packed.ref, unpack_value(packed.kind, packed.data)))
        # As a thread that packs it does, this lets others go on
        await anyio.lowlevel.checkpoint()
        return packed.ref

    async def wait_written(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def read_value(self, ref: str) -> object:
        return self.values[ref]

    @property
    def values(self) -> dict[str, object]:
        return dict(one for one in self.log if isinstance(one, tuple))

    @property
    def events(self) -> list[Event]:
        return [one for one in self.log if isinstance(one, Event)]

    def cut(self, events: int) -> MemoryTrace:
        """Give the record as it is after so many events, with what was kept until then."""
        log: list[Event | tuple[str, object]] = []
        for one in self.log:
            if isinstance(one, Event):
                if events == 0:
                    break
                events -= 1
            log.append(one)
        return MemoryTrace(log, next_seq=sum(isinstance(one, Event) for one in log))


class Counting:
    """Passes calls on, and counts what was asked."""

    def __init__(self, llm: LLM, asked: Counter[str]) -> None:
        self.name, self.info = llm.name, llm.info
        self._llm, self._asked = llm, asked

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self._asked[_key(self, messages)] += 1
        return await self._llm.complete(messages, options)


def _key(llm: LLM, messages: Sequence[Message]) -> str:
    return request_key(llm, messages, NO_OPTIONS, is_completion=False)


@dataclass
class Session:
    """One process that a run had, from its start or its resume on."""

    trace: MemoryTrace
    past: RunPast | None
    run: Run
    sandboxes: FakeSandboxes
    asked: Counter[str]
    """Requests that reached the model, by their keys."""
    answer: object = None
    error: RLMError | None = None
    diverged: list[Event] = field(default_factory=list)


async def session(
    model: Policy | LLM,
    trace: MemoryTrace | None = None,
    *,
    query: str = "root",
    context: object = "the context",
    output_type: object = None,
    limits: Limits | None = None,
    aliases: Mapping[str, LLM] | None = None,
    tools: Tools = NO_TOOLS,
    mode: ModeChoice = WITH_REPL,
    sandboxes: FakeSandboxes | None = None,
    seconds: float = 10,
    interrupt_after: int | None = None,
) -> Session:
    """Begin a run, or go on with the one that a trace holds; it may be interrupted by a user."""
    trace = trace or MemoryTrace()
    past = read_past(trace.events)
    asked: Counter[str] = Counter()
    llm = Counting(ScriptedLLM(model, name="root") if callable(model) else model, asked)
    sandboxes = sandboxes or FakeSandboxes()
    run = Run(
        models=Models(root=llm, subs=[llm], aliases=aliases or {}),
        limits=limits or Limits(),
        prompts=Prompts.load(),
        open_sandbox=sandboxes,
        recording=trace,
        tools=tools,
        mode=mode,
        past=past,
        read_value=trace.read_value,
    )
    done = Session(trace, past, run, sandboxes, asked)
    scope = anyio.CancelScope()
    if interrupt_after is not None:
        left = [interrupt_after]

        def count(event: Event) -> None:
            left[0] -= 1
            if left[0] == 0:
                scope.cancel()

        trace.on_event = count
    try:
        with anyio.fail_after(seconds), scope:
            answer_type = None if output_type is None else answer_type_of(output_type)
            done.answer = await run.answer(
                query, context, run="run", version="1", answer_type=answer_type, seed=7
            )
    except RLMError as exc:
        done.error = exc
    trace.on_event = lambda event: None
    assert not +sandboxes.live, "a sandbox outlived its run"
    return done


def replied(trace: MemoryTrace) -> Counter[str]:
    """Count the requests in a record that have their reply there."""
    histories: dict[int, list[Message]] = {}
    keys: dict[int, str] = {}
    counted: Counter[str] = Counter()
    for event in trace.events:
        if isinstance(event, ModelReplied):
            counted[keys[event.call]] += 1
        elif isinstance(event, ModelRequested):
            new = [Message(role=one["role"], content=one["content"]) for one in event.messages]  # type: ignore[arg-type]  # as they were written
            if event.iteration is not None:
                begins = new[0].role == "system"
                new = histories[event.node] = [*([] if begins else histories[event.node]), *new]
            keys[event.call] = _key(_NOBODY, new)
    return counted


_NOBODY = ScriptedLLM(lambda messages: "", name="root")
