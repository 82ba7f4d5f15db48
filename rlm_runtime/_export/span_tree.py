"""From the events of a run to its spans; the same for a trace and for a run that goes on.

A run is a root span, a node a span below its parent's, and a model call, a block of code and a
call of a tool are spans below their node's. Each session of a resumed run has a root of its own,
linked to the one before, so that no span lasts longer than its process did.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlm_runtime._events import (
    AnswerGiven,
    Event,
    HistoryTrimmed,
    ModeChosen,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
    SandboxLost,
    SandboxStarted,
)
from rlm_runtime._export.gen_ai import input_messages, output_messages, provider_and_model
from rlm_runtime._export.span_work import Work
from rlm_runtime._export.spans import Ids, Span, span_name
from rlm_runtime._export.spans import nanoseconds as _nanoseconds
from rlm_runtime._types import StopReason

# Nothing went wrong where nobody waited any more
_FINE = ("answered", "interrupted")


class SpanTree:
    """The spans of one run; feed it every event, and send what it gives."""

    def __init__(self, run: str = "", *, content: bool = False) -> None:
        self.ids = Ids(run)
        self._content = content
        self._now = 0
        self._links: tuple[tuple[int, int], ...] = ()
        self._root: Span | None = None
        self._is_open = False
        """Whether the root has not ended yet."""
        self._started: dict[int, NodeStarted] = {}
        self._above: dict[int, int] = {}
        """The parents of nodes; each of them started before its children, so there is no circle."""
        self._nodes: dict[int, Span] = {}
        self._ended: set[int] = set()
        self._work = Work(content=content)

    def add(self, event: Event) -> list[Span]:
        """Take in one event; give the spans that ended with it."""
        at = _nanoseconds(event.time)
        if isinstance(event, RunStarted | RunResumed | RunForked):
            return self._begin(event, at)
        # A clock that was set back must not let a span end before it began
        self._now = max(self._now, at)
        root = self._root or self._open_root("")
        match event:
            case RunEnded():
                return self._end(event, root)
            case ModeChosen():
                root.set(rlm__mode=event.mode)
            case NodeStarted():
                self._start_node(event)
        node = getattr(event, "node", None)
        if node is None or node in self._ended:
            return []
        return list(self._take(event, self._open_node(node)))

    def finish(self) -> list[Span]:
        """Give the spans of all that did not end, as if its process had ended now."""
        spans = [*self._work.take_open(), *self._nodes.values()]
        if self._root is not None and self._is_open:
            spans.append(self._root)
        self._nodes.clear()
        self._is_open = False
        for span in spans:
            span.end = self._now
            span.fail("crashed")
        return spans

    def _begin(self, event: RunStarted | RunResumed | RunForked, at: int) -> list[Span]:
        left = self.finish()
        if self._root is not None:
            self._links = ((self.ids.trace, self._root.id),)
        self._now, self._root = at, None
        self._ended.clear()
        # Whose trace it is may be unknown where nothing before was heard of
        run = self.ids.run or str(at) if isinstance(event, RunResumed) else event.run
        self.ids = Ids(run, max(0, event.seq))
        if isinstance(event, RunForked):
            # What came before was another run's, and is told by its own trace
            return []
        root = self._open_root(event.model)
        root.set(gen_ai__agent__version=event.version)
        if self._content and isinstance(event, RunStarted):
            root.set(gen_ai__input__messages=_asked(event.query))
        return left

    def _open_root(self, model: str) -> Span:
        self._root, self._is_open = self._agent("rlm", self.ids.span("run"), None, model), True
        self._root.links = self._links
        self._root.set(gen_ai__agent__id=self.ids.run, rlm__resumed=bool(self._links) or None)
        return self._root

    def _end(self, event: RunEnded, root: Span) -> list[Span]:
        self._is_open = False
        left = self.finish()
        root.end = self._now
        self._conclude(root, event.stop_reason, event.answer, event.error)
        root.set(
            rlm__calls=event.calls,
            rlm__nodes=event.nodes,
            # Not as usage, which is told by each call and would be added up
            rlm__prompt_tokens=event.prompt_tokens,
            rlm__completion_tokens=event.completion_tokens,
            rlm__cost=event.cost,
        )
        return [*left, root]

    def _start_node(self, event: NodeStarted) -> None:
        if event.node not in self._started:
            self._started[event.node] = event
            if event.parent is not None and event.parent in self._started:
                self._above[event.node] = event.parent

    def _open_node(self, number: int) -> Span:
        """Give the span of a node; after a resume, it and those above it are opened as needed."""
        missing = [number]
        while (above := self._above.get(missing[-1])) is not None and above not in self._nodes:
            missing.append(above)
        for node in reversed(missing):
            if node not in self._nodes and node not in self._ended:
                self._nodes[node] = self._node_span(node)
        return self._nodes[number]

    def _node_span(self, number: int) -> Span:
        above = self._above.get(number)
        parent = self.ids.span("run") if above is None else self.ids.span("node", above)
        event = self._started.get(number)
        model = "" if event is None else event.model
        span = self._agent("rlm.node", self.ids.span("node", number), parent, model)
        span.set(gen_ai__agent__id=f"{self.ids.run}/{number}", rlm__node=number)
        if event is not None:
            span.set(rlm__depth=event.depth, rlm__sub_call=event.sub_call)
            if self._content:
                span.set(gen_ai__input__messages=_asked(event.query))
        return span

    def _agent(self, name: str, number: int, parent: int | None, model: str) -> Span:
        span = Span(name=span_name("invoke_agent", name), id=number, parent=parent, start=self._now)
        provider, requested = provider_and_model(model) if model else (None, None)
        span.set(
            gen_ai__operation__name="invoke_agent",
            gen_ai__agent__name=name,
            gen_ai__conversation__id=self.ids.run,
            gen_ai__provider__name=provider,
            gen_ai__request__model=requested,
        )
        return span

    def _take(self, event: Event, node: Span) -> Iterator[Span]:
        """Enter what happened to a node; give what ended with it."""
        if (span := self._work.add(event, self._now, self.ids)) is not None:
            yield span
        match event:
            case SandboxStarted():
                node.tell("rlm.sandbox_started", self._now, rlm__seconds=event.seconds)
            case SandboxLost():
                self._tell(node, event.kind, event.reason)
            case NodeRebuilt():
                node.set(rlm__resumed=True)
                node.tell("rlm.node_rebuilt", self._now, rlm__blocks=event.blocks)
            case ReplayDiverged():
                self._tell(node, event.kind, event.reason)
            case HistoryTrimmed():
                node.tell("rlm.history_trimmed", self._now, rlm__messages=event.messages)
            case AnswerGiven(rejected=str(rejected)):
                self._tell(node, "answer_rejected", rejected)
            case NodeEnded():
                del self._nodes[event.node]
                self._ended.add(event.node)
                node.end = self._now
                self._conclude(node, event.stop_reason, event.answer, event.error)
                yield node

    def _tell(self, node: Span, what: str, reason: str) -> None:
        told = reason if self._content else None
        node.tell(f"rlm.{what}", self._now, exception__message=told)

    def _conclude(
        self, span: Span, stop_reason: StopReason, answer: str, error: str | None
    ) -> None:
        span.set(rlm__stop_reason=stop_reason)
        if stop_reason not in _FINE:
            span.fail(stop_reason, error if self._content else None)
        if self._content and answer:
            span.set(gen_ai__output__messages=output_messages(answer))


def _asked(query: str) -> str:
    return input_messages([{"role": "user", "content": query}])
