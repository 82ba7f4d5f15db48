"""One node: prompt, code, observation, until there is an answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import anyio

from rlm_runtime._account import Account
from rlm_runtime._answer_types.base import AnswerType
from rlm_runtime._describe import preview
from rlm_runtime._engine.ahead import open_ahead
from rlm_runtime._engine.bounds import describe_left
from rlm_runtime._engine.cell import run_cell
from rlm_runtime._engine.contexts import check_sendable, memory_for
from rlm_runtime._engine.history import History
from rlm_runtime._engine.observation import code_executed, describe_loss, observe, observe_within
from rlm_runtime._engine.opening import opening_messages
from rlm_runtime._engine.past import IterationPast
from rlm_runtime._engine.reading import Reading, read_completion
from rlm_runtime._engine.repetition import Repetition
from rlm_runtime._engine.replay import Replay
from rlm_runtime._engine.requests import Requests
from rlm_runtime._engine.seeds import derive_seed
from rlm_runtime._engine.tree import Tree
from rlm_runtime._engine.typed import Answer, judge
from rlm_runtime._engine.window import Window
from rlm_runtime._errors import (
    LimitExceededError,
    ModelContentFilterError,
    ModelContextWindowError,
    NoAnswerError,
    RLMError,
    SandboxError,
)
from rlm_runtime._events import (
    AnswerGiven,
    CodeStarted,
    SandboxLost,
    SandboxStarted,
)
from rlm_runtime._llm.base import LLM
from rlm_runtime._prompts import Reminder
from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    ExecutionResult,
    Sandbox,
)
from rlm_runtime._tools.base import HostTool
from rlm_runtime._types import Completion, Message

_MOST_EMPTY_REPLIES = 3
# Many endpoints refuse a message without text
_EMPTY = "(empty reply)"


class Node:
    """One RLM of the tree."""

    def __init__(
        self,
        tree: Tree,
        *,
        number: int,
        account: Account,
        depth: int,
        llm: LLM,
        query: str,
        context: object,
        tools: Mapping[str, HostTool] | None = None,
        answer_type: AnswerType | None = None,
        seed: int = 0,
        replay: Replay | None = None,
    ) -> None:
        self.number = number
        self.account = account
        """What it and all below it spend is entered here."""
        self.depth = depth
        self.llm = llm
        self.query = query
        self.context = context
        self.tools = tools or {}
        self.answer_type = answer_type
        self.seed = seed
        """What the random numbers of its sandboxes come from."""
        self.replay = replay or Replay(None)
        """What the record holds for it."""
        self.iteration = 0
        self.partial: object = None
        """The best so far: what the model said or its code printed, whichever came last."""
        self._tree = tree
        self._prompts = tree.prompts.for_model(llm.name)
        self._scope = anyio.CancelScope()
        self.answer_ref = ""
        """Names the answer in the trace."""
        self._answer: Answer | None = None
        self._history = History()
        self._window = Window(number, llm, self._history, self._prompts, tree.record)
        self._repetition = Repetition()
        self._empty_replies = 0
        self._requests = Requests(self, tree)
        self._results: list[ExecutionResult] = []
        self._variables: tuple[str, ...] = ()

    async def answer(self) -> object:
        """Iterate until the node's code gives an answer.

        Raises:
            LimitExceededError: The node had to end without one.
            ModelError: Its model failed for good.
            SandboxError: It has no sandbox.
        """
        try:
            with self._scope:
                self._begin()
                if not await self._take_recorded_answer():
                    await self._iterate()
        except RLMError:
            # An answer counts from the moment it was given, whatever failed beside it
            if self._answer is None:
                raise
        assert self._answer is not None, "only an answer cancels the scope"
        if not self.answer_ref:
            await self._note_answer()
        return self._answer.value

    @property
    def given(self) -> object:
        """The answer as the code gave it, which may differ from what its type makes of it."""
        return None if self._answer is None else self._answer.given

    def warn_of_last_reply(self) -> None:
        """Add to the newest message that no reply after the next one is read."""
        self._history.add_to_last(self._prompts.last_iteration())

    def messages_if_last(self) -> Sequence[Message]:
        """Give the messages as `warn_of_last_reply` makes them."""
        return self._history.with_addition(self._prompts.last_iteration())

    def take_new_messages(self) -> tuple[dict[str, str], ...]:
        """Return the messages that no earlier call has taken."""
        return self._history.take_new()

    @property
    def has_answer(self) -> bool:
        """Whether it has its answer, though it may not have ended yet."""
        return self._answer is not None

    def give(self, value: object, given: object) -> None:
        """Have an answer, unless there is one, and end all that the node does."""
        if self._answer is None:
            self._answer = Answer(value, given)
            self._tree.answered(self)
        self._scope.cancel()

    async def _note_answer(self) -> None:
        """See that the answer outlives this process."""
        given, recording = self.given, self._tree.recording
        self.answer_ref = await recording.keep(given)
        self._tree.record(
            AnswerGiven(
                node=self.number,
                iteration=self.iteration,
                answer=preview(given),
                answer_ref=self.answer_ref,
            )
        )
        await recording.wait_written()

    async def _take_recorded_answer(self) -> bool:
        """Have the answer that is in the record, if there is one that still does."""
        if not (ref := self.replay.answer_ref):
            return False
        given = await self.replay.answer_value()
        try:
            value = given if self.answer_type is None else await judge(self.answer_type, given)
        except AnswerRejectedError:
            # It is asked for in another form now: the code may have it
            return False
        self.answer_ref = ref
        self.give(value, given)
        return True

    def _begin(self) -> None:
        for message in opening_messages(self, self._tree, self._prompts):
            self._history.say(message.role, message.content)

    async def _iterate(self) -> NoReturn:
        if self.depth == 0:
            # Before anything is paid for; what came from a sandbox can go back to one
            await check_sendable(self.context)
        self._skip_lost()
        while True:
            # It returns when the sandbox is lost, which costs an iteration
            await self._iterate_in_sandbox()

    def _skip_lost(self) -> None:
        """Go past the iterations whose sandbox was lost: nothing of their code is left."""
        for past, completion in self.replay.skipped():
            self.iteration = past.number
            reading = self.replay.read(past.number, read_completion(completion))
            self._empty_replies = 0 if reading.blocks else self._empty_replies + 1
            self._results = past.results()
            output = next((one.stdout for one in self._results[::-1] if one.stdout.strip()), "")
            self.partial = output.strip() or reading.prose or self.partial
            if self._results and past.loss is None:
                self._guard_against_repetition(reading)

    async def _iterate_in_sandbox(self) -> None:
        """Iterate in one sandbox until it is lost; it starts while the model writes."""
        self._check_iterations()
        started = time.monotonic()
        memory_mb = memory_for(self.context, self._tree.limits)
        # Another one for each sandbox: what a lost one has drawn is not drawn again
        seed = derive_seed(self.seed, self.iteration)
        async with (
            open_ahead(self._ask) as first,
            self._tree.open_sandbox(self._requests, memory_mb=memory_mb) as sandbox,
        ):
            await sandbox.seed(seed)
            await sandbox.assign("context", self.context)
            await sandbox.assign("query", self.query)
            if self.tools:
                await sandbox.provide_tools(tuple(self.tools.values()))
            seconds = time.monotonic() - started
            self._tree.record(SandboxStarted(node=self.number, pid=sandbox.pid, seconds=seconds))
            completion = await first.wait()
            try:
                while True:
                    await self._act(sandbox, completion)
                    completion = await self._ask()
            except SandboxError as exc:
                self._note_loss(sandbox, str(exc))

    def _check_iterations(self) -> None:
        if self.iteration >= self._tree.limits.max_iterations:
            raise LimitExceededError(
                f"Stopped without an answer: max_iterations is {self.iteration}",
                stop_reason="max_iterations",
                partial=self.partial,
            )

    async def _ask(self) -> Completion:
        self._check_iterations()
        self.iteration += 1
        if (past := self.replay.answered(self.iteration)) is not None:
            return self._recall(past)
        self.replay.finish(self._tree.record)
        if (begun := self.replay.asked_after_loss(self.iteration)) is not None:
            # What the lost sandbox gave is nowhere else
            self._history.restore(begun.messages)
        self._history.add_to_last(*map(self._prompts.said, self.replay.said(self.iteration)))
        self._window.make_room(self.iteration)
        while True:
            try:
                completion = await self._tree.complete(
                    self, self.llm, self._history.messages, iteration=self.iteration
                )
            except ModelContextWindowError as exc:
                self._window.shrink(self.iteration, exc)
            except ModelContentFilterError as exc:
                # As if the model had said nothing; three in a row end the node
                return Completion(
                    text="",
                    model=self.llm.name,
                    usage=exc.spent,
                    finish_reason="content_filter",
                )
            except LimitExceededError as exc:
                exc.partial = self.partial
                raise
            else:
                self._window.learn(completion)
                return completion

    def _recall(self, past: IterationPast) -> Completion:
        """Take the reply of the record, and be where it was given."""
        completion = past.completion
        assert completion is not None, "it is answered"
        self._history.restore(past.messages)
        if past.model != self.llm.name:
            # What one model counts bounds nothing for another
            completion = replace(completion, is_counted=False)
        else:
            self._window.learn(completion)
        self.account.recall(past.messages, completion, self.llm.info.price)
        return completion

    async def _act(self, sandbox: Sandbox, completion: Completion) -> None:
        """Do what a reply says, and tell the model what came of it."""
        said = completion.text if completion.text.strip() else _EMPTY
        self._history.say("assistant", said)
        reading = self.replay.read(self.iteration, read_completion(completion))
        self.partial = reading.prose or self.partial
        if reading.reminder is not None:
            self._remind(reading.reminder, completion)
            return
        self._empty_replies = 0
        self._results = []
        for number, block in enumerate(reading.blocks):
            self._results.append(await self._execute(sandbox, block, number))
        self._observe(self._results)
        self._guard_against_repetition(reading)

    async def _execute(self, sandbox: Sandbox, code: str, block: int) -> ExecutionResult:
        past = self.replay.begin_block(self.iteration, block)
        if past is None or past.executed is None:
            self.replay.finish(self._tree.record)
        if past is None:
            self._tree.record(
                CodeStarted(node=self.number, iteration=self.iteration, code=code, block=block)
            )
        started = time.monotonic()
        try:
            result = await run_cell(
                sandbox,
                code,
                max_seconds=self._tree.limits.max_cell_seconds,
                is_waiting=lambda: self._requests.open > 0,
            )
        except BaseException as exc:
            lost = "it lost its sandbox" if isinstance(exc, SandboxError) else None
            why = "it gave an answer" if self.has_answer else lost
            # What was printed counts, also where the code did not come to its end
            self._note_execution(sandbox.output_so_far(), started, block, cut_by=why or "")
            raise
        self._note_execution(result, started, block)
        self._variables = result.variables
        return result

    def _observe(self, results: Sequence[ExecutionResult]) -> None:
        limits = self._tree.limits
        observation = self._prompts.observation(
            observation=observe_within(
                results, limits.max_observation_chars, max_bytes=self.account.observation_room()
            ),
            iteration=self.iteration,
            iterations=limits.max_iterations,
            limits=describe_left(self._tree.limits_left(self)),
        )
        self._history.say("user", observation)

    def _note_loss(self, sandbox: Sandbox, reason: str) -> None:
        """Tell the model what became of its code and its variables."""
        self._tree.record(SandboxLost(node=self.number, reason=reason))
        self.replay.end_order()
        result = describe_loss(sandbox.output_so_far(), reason, self._variables)
        self._variables = ()
        self._observe([*self._results, result])

    def _guard_against_repetition(self, reading: Reading) -> None:
        if self._results[-1].pending:
            # Waiting for what was started is no going round in circles
            return
        seen = observe(self._results, self._tree.limits.max_observation_chars)
        match self._repetition.judge(reading.blocks, seen):
            case "warn":
                self._history.add_to_last(self._prompts.repetition())
            case "end":
                raise LimitExceededError(
                    "Stopped without an answer: the same code gave the same output again and again",
                    stop_reason="repetition",
                    partial=self.partial,
                )

    def _remind(self, kind: Reminder, completion: Completion) -> None:
        self._empty_replies += 1
        if self._empty_replies == _MOST_EMPTY_REPLIES:
            raise NoAnswerError(
                f"Stopped without an answer: {_MOST_EMPTY_REPLIES} replies in a row had neither"
                " code nor an answer",
                stop_reason="no_answer",
                partial=self.partial,
            )
        tokens = completion.usage.completion_tokens
        self._history.say("user", self._prompts.reminder(kind, tokens=tokens))

    def _note_execution(
        self, result: ExecutionResult, started: float, block: int, *, cut_by: str | None = None
    ) -> None:
        cut = cut_by is not None
        self.partial = result.stdout.strip() or self.partial
        diverged = self.replay.judge(self.iteration, block, result, cut_by)
        if diverged == "same":
            return
        if diverged is not None:
            self._tree.record(diverged)
        self._tree.record(
            code_executed(
                result, self.number, self.iteration, block, time.monotonic() - started, not cut
            )
        )
