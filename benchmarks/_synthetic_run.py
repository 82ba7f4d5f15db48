"""The events of a made-up run of any size: nodes on three levels, retries, errors, tools."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import _synthetic_texts as texts
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    LimitsTold,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
    SandboxLost,
    SandboxStarted,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)

RUN = "20260102-030405-0123abcd"
EVENTS_PER_NODE = 55
"""About so many events come for each node: 1,800 nodes have some 100,000."""
_BEGAN = 1_767_323_045.0
_ROOT_MODEL, _SUB_MODEL = "openai/gpt-5", "openai/gpt-5-mini"
_COST_PER_TOKEN = {_ROOT_MODEL: 2.5e-6, _SUB_MODEL: 4e-7}
_LIMITS: dict[str, int | float | None] = {"max_depth": 3, "max_cost": 25.0, "max_calls": None}


def synthetic_events(nodes: int, *, seed: int = 0) -> Iterator[Event]:
    """Give the events of a run with so many nodes, in the order of time; always the same ones."""
    run = _Run(nodes, random.Random(seed))
    run.play()
    run.events.sort(key=lambda event: event.mono)
    for seq, event in enumerate(run.events):
        yield replace(event, seq=seq)


class _Run:
    """Plays the nodes one after the other, each at its own time."""

    def __init__(self, nodes: int, chance: random.Random) -> None:
        self.events: list[Event] = []
        self._nodes = max(1, nodes)
        self._chance = chance
        self._calls = self._sub_calls = self._tool_calls = 0
        self._prompt_tokens = self._completion_tokens = 0
        self._cost = 0.0
        # The root has about as many children as each of them has
        self._width = max(1, round((self._nodes - 1) ** 0.5))

    def play(self) -> None:
        """Play all nodes."""
        query = texts.query(self._nodes)
        self._tell(
            0.0,
            RunStarted(
                run=RUN,
                version="0.1.0",
                query=query,
                model=_ROOT_MODEL,
                sub_model=_SUB_MODEL,
                limits=_LIMITS,
                seed=7,
            ),
        )
        end = self._play_node(0, 0.01, None, 0, query, None)
        self._tell(
            end + 0.01,
            RunEnded(
                stop_reason="answered",
                answer=texts.ANSWER,
                answer_type="dict",
                error=None,
                calls=self._calls,
                nodes=self._nodes,
                prompt_tokens=self._prompt_tokens,
                completion_tokens=self._completion_tokens,
                cost=self._cost,
                seconds=end + 0.01,
                cached_tokens=self._prompt_tokens // 3,
            ),
        )

    def _children(self, node: int) -> list[int]:
        """Number the children of a node, in the order of levels."""
        if node == 0:
            return list(range(1, min(self._width + 1, self._nodes)))
        if node <= self._width:
            return list(range(self._width + node, self._nodes, self._width))
        return []

    def _play_node(
        self, node: int, at: float, parent: int | None, depth: int, query: str, sub: int | None
    ) -> float:
        """Play a node and all below it; give the time of its end."""
        model = _SUB_MODEL if depth else _ROOT_MODEL
        started = NodeStarted(
            node=node,
            parent=parent,
            depth=depth,
            model=model,
            query=query,
            context=texts.context(self._chance),
            sub_call=sub,
        )
        self._tell(at, started)
        ready = at + self._chance.uniform(0.05, 0.4)
        self._tell(ready, SandboxStarted(node=node, pid=4000 + node, seconds=ready - at))
        if node % 29 == 17:
            return self._fail(node, at, model)
        rounds, said = 3 + self._chance.randrange(3), ""
        for iteration in range(1, rounds + 1):
            is_last = iteration == rounds
            code = texts.code(self._chance, is_last=is_last, fans_out=iteration == 2)
            new = texts.messages(iteration, query, said)
            said = texts.reply(self._chance, code)
            at = max(ready, self._ask(node, at, model, new, said, iteration))
            at = self._run_code(node, at, depth, iteration, code, is_last=is_last)
        answer = texts.answer(self._chance) if depth else texts.ANSWER
        ended = NodeEnded(
            node=node, stop_reason="answered", answer=answer, answer_type="dict", error=None
        )
        self._tell(at + 0.001, AnswerGiven(node=node, iteration=rounds, answer=answer))
        self._tell(at + 0.002, ended)
        return at + 0.002

    def _fail(self, node: int, at: float, model: str) -> float:
        """Play a node whose model fails for good."""
        call, at = self._request(node, at, model, texts.messages(1, "?", ""), 1)
        self._attempt_failed(node, call, at + 0.5, 2, None, "401 Unauthorized: no such key")
        error = f"Cannot get a reply of {model!r}: 401 Unauthorized: no such key"
        self._tell(at + 0.51, ModelFailed(node=node, call=call, error=error, seconds=0.5))
        self._tell(
            at + 0.52,
            NodeEnded(
                node=node,
                stop_reason="model_error",
                answer="",
                answer_type="NoneType",
                error=error,
            ),
        )
        return at + 0.52

    def _ask(
        self,
        node: int,
        at: float,
        model: str,
        messages: tuple[dict[str, str], ...],
        text: str,
        iteration: int | None,
        sub_call: int | None = None,
    ) -> float:
        """Play a model call, at times with a failed attempt before; give the time of its reply."""
        call, at = self._request(node, at, model, messages, iteration, sub_call)
        attempts = 1
        if self._chance.random() < 0.06:
            wait = self._chance.uniform(0.5, 3.0)
            at += 0.2
            self._attempt_failed(node, call, at, attempts, wait, "429 Too Many Requests: slow down")
            at, attempts = at + wait, 2
            self._attempt(node, call, at, attempts)
        return self._reply(node, call, at, model, text, attempts)

    def _reply(
        self, node: int, call: int, at: float, model: str, text: str, attempts: int
    ) -> float:
        """Play the reply to a call that is sent; give its time."""
        prompt_tokens = self._chance.randrange(900, 6000)
        completion_tokens = max(8, len(text) // 4)
        cost = (prompt_tokens + 4 * completion_tokens) * _COST_PER_TOKEN[model]
        seconds = 0.4 + completion_tokens * self._chance.uniform(0.008, 0.02)
        replied = ModelReplied(
            node=node,
            call=call,
            text=text,
            reasoning=texts.reasoning(self._chance),
            finish_reason="stop",
            prompt_tokens=prompt_tokens,
            cached_tokens=prompt_tokens // 3,
            completion_tokens=completion_tokens,
            reasoning_tokens=completion_tokens // 5,
            cost=cost,
            seconds=seconds,
            seconds_to_first_token=0.3,
            attempts=attempts,
            model=model,
        )
        self._tell(at + seconds, replied)
        self._prompt_tokens += prompt_tokens
        self._completion_tokens += completion_tokens
        self._cost += cost
        return at + seconds

    def _request(
        self,
        node: int,
        at: float,
        model: str,
        messages: tuple[dict[str, str], ...],
        iteration: int | None,
        sub_call: int | None = None,
    ) -> tuple[int, float]:
        """Play the begin of a model call; give its number, and when it was sent."""
        call, self._calls = self._calls, self._calls + 1
        requested = ModelRequested(
            node=node,
            call=call,
            model=model,
            iteration=iteration,
            messages=messages,
            sub_call=sub_call,
            key=f"{call:032x}",
        )
        self._tell(at, requested)
        at += self._chance.choice((0.001, 0.001, 0.3, 0.8))
        self._attempt(node, call, at, 1)
        return call, at

    def _attempt(self, node: int, call: int, at: float, attempt: int) -> None:
        started = ModelAttemptStarted(
            node=node, call=call, attempt=attempt, prompt_tokens=8000, completion_tokens=4000
        )
        self._tell(at, started)

    def _attempt_failed(
        self, node: int, call: int, at: float, attempt: int, wait: float | None, error: str
    ) -> None:
        failed = ModelAttemptFailed(
            node=node,
            call=call,
            attempt=attempt,
            error=error,
            status=int(error[:3]),
            seconds=0.2,
            wait=wait,
            prompt_tokens=0,
            cached_tokens=0,
            completion_tokens=0,
            reasoning_tokens=0,
            cost=0.0,
        )
        self._tell(at, failed)

    def _run_code(
        self, node: int, at: float, depth: int, iteration: int, code: str, *, is_last: bool
    ) -> float:
        """Play a code block and all that it asks for; give the time of its end."""
        began = at
        self._tell(at, CodeStarted(node=node, iteration=iteration, code=code))
        at += self._chance.uniform(0.005, 0.2)
        error = None
        if iteration == 2:
            at = self._fan_out(node, at, depth)
            self._tell(at, LimitsTold(node=node, iteration=2, limits={"calls": 900, "cost": 20.5}))
        elif not is_last and self._chance.random() < 0.3:
            at = self._call_tool(node, at, iteration)
        elif not is_last and self._chance.random() < 0.25:
            error = texts.TRACEBACK
        executed = CodeExecuted(
            node=node,
            iteration=iteration,
            stdout="" if is_last else texts.output(self._chance),
            stderr="",
            error=error,
            pending=(),
            seconds=at - began,
            completed=not is_last,
            variables=("chapters", "hits"),
            values=("list, 12", f"list, {iteration}"),
        )
        self._tell(at, executed)
        if iteration == 1 and node % 23 == 9:
            reason = "Cannot go on with sandbox: it took more than 512 MiB of memory"
            self._tell(at + 0.01, SandboxLost(node=node, reason=reason))
            self._tell(at + 0.3, SandboxStarted(node=node, pid=9000 + node, seconds=0.29))
            at += 0.3
        return at

    def _fan_out(self, node: int, at: float, depth: int) -> float:
        """Play the sub-calls of a block, all at once; give the time when the last is answered."""
        children = self._children(node)
        ends = [
            self._sub_call(
                node, at, depth, f"Chapter {number}: {texts.prompt(self._chance)}", child
            )
            for number, child in enumerate(children, 1)
        ]
        # So that a node without nodes below it has completions, and one in nine of them many
        for number in range(0 if children else 40 if node % 9 == 5 else 2):
            prompt = f"Passage {number}: {texts.prompt(self._chance)}"
            ends.append(self._sub_call(node, at, depth, prompt, None))
        return max(ends, default=at)

    def _sub_call(self, node: int, at: float, depth: int, prompt: str, child: int | None) -> float:
        number, self._sub_calls = self._sub_calls, self._sub_calls + 1
        started = SubCallStarted(
            node=node,
            sub_call=number,
            iteration=2,
            key=f"{number:032x}",
            prompt=prompt,
            context=texts.context(self._chance),
            recursive=child is not None,
            model=_SUB_MODEL,
        )
        self._tell(at, started)
        answer, stop, error = texts.answer(self._chance), "answered", None
        if child is None:
            messages = ({"role": "user", "content": prompt},)
            end = self._ask(node, at, _SUB_MODEL, messages, answer, None, number)
        else:
            end = self._play_node(child, at, node, depth + 1, prompt, number)
            if child % 29 == 17:
                answer, stop, error = "", "model_error", "Cannot get a reply: 401 Unauthorized"
        ended = SubCallEnded(
            node=node,
            sub_call=number,
            stop_reason="model_error" if stop == "model_error" else "answered",
            answer=answer,
            answer_type="dict",
            error=error,
            seconds=end - at,
        )
        self._tell(end + 0.003, ended)
        return end + 0.003

    def _call_tool(self, node: int, at: float, iteration: int) -> float:
        call, self._tool_calls = self._tool_calls, self._tool_calls + 1
        called = ToolCalled(
            node=node,
            call=call,
            tool="search_index",
            arguments="search_index('flood', limit=20)",
            iteration=iteration,
        )
        self._tell(at, called)
        seconds = self._chance.uniform(0.02, 1.5)
        ended: Event
        if self._chance.random() < 0.2:
            error = "ConnectionError: the index did not answer"
            ended = ToolFailed(
                node=node, call=call, tool="search_index", error=error, seconds=seconds
            )
        else:
            ended = ToolReturned(
                node=node,
                call=call,
                tool="search_index",
                result=texts.answer(self._chance),
                result_type="dict",
                seconds=seconds,
            )
        self._tell(at + seconds, ended)
        return at + seconds

    def _tell(self, at: float, event: Event) -> None:
        self.events.append(replace(event, mono=at, time=_BEGAN + at))
