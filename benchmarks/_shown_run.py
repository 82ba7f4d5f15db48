"""The events of the run that screenshots show: a book, a question, nodes on three levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from benchmarks import _shown_texts as texts
from benchmarks._shown_events import ROOT_MODEL, SUB_MODEL, Told
from rlm_runtime._events import Event, ModelFailed, ModelRequested, NodeEnded, RunEnded, RunStarted

_NEAR = (2, 3, 5, 6, 9, 10, 11)

Story = Literal["finished", "errors", "other"]
"""All goes well; a child's model fails, another is stopped, code raises; the same question, asked
with another seed."""


def shown_events(story: Story = "finished", *, context_ref: str = "") -> Iterator[Event]:
    """Give the events of a run in the order of time; always the same ones."""
    run = _Run(story, context_ref)
    run.play()
    run.events.sort(key=lambda event: event.mono)
    for seq, event in enumerate(run.events):
        yield replace(event, seq=seq)


class _Run(Told):
    """Plays the nodes, each at its own time."""

    def __init__(self, story: Story, context_ref: str) -> None:
        super().__init__(is_troubled=story == "errors", context_ref=context_ref)
        self._story = story

    def play(self) -> None:
        """Play the run."""
        name = "20260102-030405-5e1f0b2a" if self._story == "other" else "20260102-030405-0123abcd"
        limits: dict[str, int | float | None] = {"max_depth": 3, "max_cost": 2.0}
        started = RunStarted(
            run=name,
            version="0.1.0",
            query=texts.QUERY,
            model=ROOT_MODEL,
            sub_model=SUB_MODEL,
            limits=limits,
            context_ref=self.context_ref,
            seed=7,
        )
        self.tell(0.0, started)
        end = self._root(0.01)
        ended = RunEnded(
            stop_reason="answered",
            answer=repr(texts.CAUSES),
            answer_type="dict",
            error=None,
            calls=self.calls,
            nodes=self.nodes,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost=self.cost,
            seconds=end,
        )
        self.tell(end + 0.01, ended)

    def _root(self, at: float) -> float:
        shape = f"str of {len(texts.book()):,} characters"
        node, at = self.begin(at, None, 0, ROOT_MODEL, texts.QUERY, shape, None)
        at = self._iterate(
            node, at, 1, "Let me look at the context first.", texts.LOOK, texts.looked()
        )
        near = "[2, 3, 5, 6, 9, 10, 11] of 12\n"
        thought = "The flood may go by other names."
        if self._story == "other":
            thought = "The word itself should do."
        at = self._iterate(node, at, 2, thought, texts.NEAR, near, seconds=0.04)
        began = at = self.say(node, at, 3, "One child for each chapter.", texts.ASK)
        numbers = _NEAR[:-1] if self._story == "other" else _NEAR
        at = max(self._chapter(node, at + 0.02, 1, number) for number in numbers)
        found = f"{sorted(texts.CAUSES)}\n"
        self.ran(node, at, 3, found, at - began, ("chapters", "near", "found"))
        at = self.say(node, at, 4, "That is all there is.", texts.END)
        return self.finish(node, at, 4, repr(texts.CAUSES))

    def _chapter(self, parent: int, at: float, depth: int, number: int) -> float:
        """Play the child that reads a chapter."""
        prompt = f"Chapter {number}: does it mention the flood? What does it say caused it?"
        sub_call = self.sub_call(parent, at, prompt, 3, recursive=True)
        shape = f"str of {1_100 + 37 * number:,} characters"
        node, begun = self.begin(at, parent, depth, SUB_MODEL, prompt, shape, sub_call)
        if self._story == "errors" and number == 3:
            return self._fail(node, parent, sub_call, begun)
        at = begun
        first = 1
        if self._story == "errors" and number in (5, 10):
            thought = "I take what stands beside the word."
            at = self._iterate(node, at, 1, thought, texts.BROKEN, "", error=texts.TRACEBACK)
            first = 2
        began = at = self.say(node, at, first, "Passage by passage.", texts.SPLIT)
        count = 14 if number in (2, 9) else 3
        at = max(self._passage(node, at + 0.03 * n, first, n, number) for n in range(count))
        told = f"{count} passages\n{count // 3} of them tell of it\n"
        self.ran(node, at, first, told, at - began, ("passages", "hints", "told"))
        if self._story == "errors" and number == 10:
            return self._stop(node, parent, sub_call, at)
        at = self.say(node, at, first + 1, "Now the cause.", texts.CAUSE)
        if number in (5, 9):
            at = self._cause(node, at, depth + 1, first + 1)
        answer = repr({"mentions": number in texts.CAUSES, "cause": texts.CAUSES.get(number)})
        at = self.finish(node, at, first + 1, answer)
        return self.answered(parent, sub_call, at, answer)

    def _cause(self, parent: int, at: float, depth: int, iteration: int) -> float:
        """Play the grandchild that names a cause."""
        prompt = "What caused the flood? One line."
        sub_call = self.sub_call(parent, at, prompt, iteration, recursive=True)
        node, at = self.begin(at, parent, depth, SUB_MODEL, prompt, "str", sub_call)
        code = "print(context[:400])"
        at = self._iterate(node, at, 1, "I read it.", code, f"{texts.LINES[5]}\n")
        great = self.sub_call(node, at, "Is that a cause, or a consequence?", 2, recursive=True)
        below, later = self.begin(
            at, node, depth + 1, SUB_MODEL, "Is that a cause, or a consequence?", "str", great
        )
        later = self.say(below, later, 1, "Plainly a cause.", 'FINAL("a cause")')
        later = self.finish(below, later, 1, "'a cause'")
        at = self.answered(node, great, later, "'a cause'")
        at = self.say(node, at, 2, "Then I have it.", 'FINAL("the dam")')
        at = self.finish(node, at, 2, "'the dam'")
        return self.answered(parent, sub_call, at, "'the dam'")

    def _passage(self, node: int, at: float, iteration: int, number: int, chapter: int) -> float:
        line = texts.LINES[(chapter + number) % len(texts.LINES)]
        prompt = f"Does this passage tell of a flood? {line}"
        sub_call = self.sub_call(node, at, prompt, iteration, recursive=False)
        answer = "yes, it does" if "dam" in line or "water" in line else "no"
        at = self.ask(
            node, at, SUB_MODEL, prompt, answer, None, sub_call, slow=(chapter * number) % 5
        )
        return self.answered(node, sub_call, at, repr(answer))

    def _iterate(
        self,
        node: int,
        at: float,
        iteration: int,
        thought: str,
        code: str,
        stdout: str,
        *,
        seconds: float = 0.12,
        error: str | None = None,
    ) -> float:
        at = self.say(node, at, iteration, thought, code)
        at += seconds
        self.ran(node, at, iteration, stdout, seconds, ("chapters",), error)
        return at

    def _fail(self, node: int, parent: int, sub_call: int, at: float) -> float:
        """Play a node whose model fails for good."""
        call, self.calls = self.calls, self.calls + 1
        message = ({"role": "user", "content": texts.QUERY},)
        requested = ModelRequested(
            node=node, call=call, model=SUB_MODEL, iteration=1, messages=message
        )
        self.tell(at, requested)
        self.attempt(node, call, at + 0.02, 1)
        self.attempt_failed(node, call, at + 0.4, 1, None, 400, "400 Bad Request: no such model")
        error = f"Cannot get a reply of {SUB_MODEL!r}: 400 Bad Request: no such model"
        self.tell(at + 0.41, ModelFailed(node=node, call=call, error=error, seconds=0.4))
        ended = NodeEnded(
            node=node, stop_reason="model_error", answer="", answer_type="NoneType", error=error
        )
        self.tell(at + 0.42, ended)
        return self.answered(parent, sub_call, at + 0.43, "", "model_error", error)

    def _stop(self, node: int, parent: int, sub_call: int, at: float) -> float:
        """Play the end of a node that has used up its iterations."""
        error = "Cannot go on with node: max_iterations is 2"
        ended = NodeEnded(
            node=node, stop_reason="max_iterations", answer="", answer_type="NoneType", error=error
        )
        self.tell(at + 0.01, ended)
        return self.answered(parent, sub_call, at + 0.02, "", "max_iterations", error)
