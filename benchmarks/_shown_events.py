"""What happens in the run that is shown, one thing at a time."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import _shown_texts as texts
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    SandboxStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._types import StopReason

ROOT_MODEL, SUB_MODEL = "openai/gpt-5", "openai/gpt-5-mini"
_BEGAN = 1_767_323_045.0


class Told:
    """A run as far as it is told; each method tells some more of it."""

    def __init__(self, *, is_troubled: bool, context_ref: str) -> None:
        self.events: list[Event] = []
        self.is_troubled = is_troubled
        self.context_ref = context_ref
        self.nodes = self.calls = self.sub_calls = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.cost = 0.0

    def begin(
        self,
        at: float,
        parent: int | None,
        depth: int,
        model: str,
        query: str,
        shape: str,
        sub_call: int | None,
    ) -> tuple[int, float]:
        """Play the begin of a node; give its number, and when it is ready."""
        node, self.nodes = self.nodes, self.nodes + 1
        started = NodeStarted(
            node=node,
            parent=parent,
            depth=depth,
            model=model,
            query=query,
            context=shape,
            sub_call=sub_call,
            context_ref="" if depth else self.context_ref,
        )
        self.tell(at, started)
        seconds = 0.35 if depth == 0 else 0.08 + 0.03 * (node % 4)
        self.tell(at + seconds, SandboxStarted(node=node, pid=4100 + node, seconds=seconds))
        return node, at + seconds

    def say(self, node: int, at: float, iteration: int, thought: str, code: str) -> float:
        """Play a reply with code, and the begin of the code."""
        model = SUB_MODEL if node else ROOT_MODEL
        said = texts.reply(thought, code)
        at = self.ask(node, at, model, texts.QUERY, said, iteration, None, slow=(node * 3) % 4)
        self.tell(at, CodeStarted(node=node, iteration=iteration, code=code))
        return at

    def ran(
        self,
        node: int,
        at: float,
        iteration: int,
        stdout: str,
        seconds: float,
        variables: tuple[str, ...],
        error: str | None = None,
    ) -> None:
        """Play the end of a code block."""
        executed = CodeExecuted(
            node=node,
            iteration=iteration,
            stdout=stdout,
            stderr="",
            error=error,
            pending=(),
            seconds=seconds,
            variables=variables,
            values=tuple(f"list of {12 - 2 * n} items" for n, _ in enumerate(variables)),
        )
        self.tell(at, executed)

    def ask(
        self,
        node: int,
        at: float,
        model: str,
        prompt: str,
        text: str,
        iteration: int | None,
        sub_call: int | None,
        *,
        slow: int = 0,
    ) -> float:
        """Play a model call; give the time of its reply."""
        call, self.calls = self.calls, self.calls + 1
        requested = ModelRequested(
            node=node,
            call=call,
            model=model,
            iteration=iteration,
            messages=({"role": "user", "content": prompt},),
            sub_call=sub_call,
        )
        self.tell(at, requested)
        at += 0.05 + 0.1 * slow
        self.attempt(node, call, at, 1)
        attempt = 1
        if self.is_troubled and call % 11 == 4:
            self.attempt_failed(node, call, at + 0.2, 1, 0.9, 429, "429 Too Many Requests")
            at, attempt = at + 1.1, 2
            self.attempt(node, call, at, attempt)
        return self._reply(node, call, at, model, text, attempt, slow)

    def _reply(
        self, node: int, call: int, at: float, model: str, text: str, attempt: int, slow: int
    ) -> float:
        tokens = 700 + 61 * (call % 9), max(6, len(text) // 4)
        seconds = 0.5 + tokens[1] * 0.018 + 0.17 * slow
        cost = (tokens[0] + 4 * tokens[1]) * (2.5e-6 if model == ROOT_MODEL else 4e-7)
        replied = ModelReplied(
            node=node,
            call=call,
            text=text,
            reasoning="",
            finish_reason="stop",
            prompt_tokens=tokens[0],
            cached_tokens=tokens[0] // 3,
            completion_tokens=tokens[1],
            reasoning_tokens=0,
            cost=cost,
            seconds=seconds,
            seconds_to_first_token=0.3,
            attempts=attempt,
            model=model,
        )
        self.tell(at + seconds, replied)
        self.prompt_tokens += tokens[0]
        self.completion_tokens += tokens[1]
        self.cost += cost
        return at + seconds

    def attempt(self, node: int, call: int, at: float, attempt: int) -> None:
        """Play the begin of an attempt."""
        started = ModelAttemptStarted(
            node=node, call=call, attempt=attempt, prompt_tokens=4_000, completion_tokens=4_000
        )
        self.tell(at, started)

    def attempt_failed(
        self,
        node: int,
        call: int,
        at: float,
        attempt: int,
        wait: float | None,
        status: int,
        error: str,
    ) -> None:
        """Play the end of an attempt that failed."""
        failed = ModelAttemptFailed(
            node=node,
            call=call,
            attempt=attempt,
            error=error,
            status=status,
            seconds=0.2,
            wait=wait,
            prompt_tokens=0,
            cached_tokens=0,
            completion_tokens=0,
            reasoning_tokens=0,
            cost=0.0,
        )
        self.tell(at, failed)

    def sub_call(
        self, node: int, at: float, prompt: str, iteration: int, *, recursive: bool
    ) -> int:
        """Play the begin of a sub-call; give its number."""
        number, self.sub_calls = self.sub_calls, self.sub_calls + 1
        started = SubCallStarted(
            node=node,
            sub_call=number,
            iteration=iteration,
            key=f"{number:032x}",
            prompt=prompt,
            context="str" if recursive else "",
            recursive=recursive,
            model=SUB_MODEL,
        )
        self.tell(at, started)
        return number

    def answered(
        self,
        node: int,
        sub_call: int,
        at: float,
        answer: str,
        reason: StopReason = "answered",
        error: str | None = None,
    ) -> float:
        """Play the end of a sub-call; give its time."""
        ended = SubCallEnded(
            node=node,
            sub_call=sub_call,
            stop_reason=reason,
            answer=answer,
            answer_type="str",
            error=error,
            seconds=1.0,
        )
        self.tell(at + 0.002, ended)
        return at + 0.002

    def finish(self, node: int, at: float, iteration: int, answer: str) -> float:
        """Play the answer of a node; give the time of its end."""
        self.ran(node, at + 0.03, iteration, "", 0.03, ("answer",))
        self.tell(at + 0.03, AnswerGiven(node=node, iteration=iteration, answer=answer))
        ended = NodeEnded(
            node=node, stop_reason="answered", answer=answer, answer_type="dict", error=None
        )
        self.tell(at + 0.031, ended)
        return at + 0.031

    def tell(self, at: float, event: Event) -> None:
        """Tell of something that happened."""
        self.events.append(replace(event, mono=at, time=_BEGAN + at))
