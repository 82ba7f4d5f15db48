"""What the events of a run come to on a page."""

from __future__ import annotations

from collections.abc import Callable

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    LimitsTold,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    SandboxLost,
    SandboxStarted,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
    WorstCaseExceeded,
)
from rlm_runtime._export.page_calls import end_attempt, fail_call, fill_reply, start_attempt
from rlm_runtime._export.page_nodes import NodePage
from rlm_runtime._export.page_records import Call, SubCall, ToolCall, as_json
from rlm_runtime._export.page_run import RunPage
from rlm_runtime._export.page_texts import Texts

MOST_EVENTS = 250_000
"""A page of so many has some 40 MB, and takes a browser some seconds."""
_MOST_DIVERGED = 1_000


class PageData:
    """One run; feed it every event.

    Args:
        run: The id that the trace gives itself.
        whole: Gives the whole of a text that an event holds a preview of, by its reference.
        most_events: Later ones are not shown; the page says how many.
    """

    def __init__(
        self, run: str, whole: Callable[[str, str], str], *, most_events: int = MOST_EVENTS
    ) -> None:
        self.texts = Texts()
        self._most_events = most_events
        self.run = RunPage(run, self.texts, whole)
        self.events_left_out = 0
        self._whole = whole
        self._nodes: dict[int, NodePage] = {}
        self._calls: dict[int, Call] = {}
        self._subs: dict[int, SubCall] = {}
        self._tools: dict[int, ToolCall] = {}
        self._children: dict[int, list[int]] = {}
        self._events = self._untold = self._diverged = 0

    def add(self, event: Event) -> None:
        """Take in one event; one that does not fit the events before it is left out."""
        self._events += 1
        t = self.run.tell_time(event)
        if self._events > self._most_events:
            self.events_left_out += 1
        elif isinstance(event, NodeStarted):
            self._start_node(event, t)
        elif (node := self._nodes.get(getattr(event, "node", -1))) is not None:
            self._add_to_node(node, event, t)

    @property
    def has_begun(self) -> bool:
        """Whether there is anything of the run yet."""
        return self._events > 0

    def as_json(self, unfinished: str, damage: str = "") -> object:
        """Give all of it.

        Args:
            unfinished: The word for a run without an end.
            damage: Why not all of its trace could be read, if so.
        """
        return {
            "run": as_json(self.run.as_record(unfinished)),
            "nodes": as_json([node.record for node in self._nodes.values()]),
            "texts": self.texts.all,
            "damage": damage,
            "left_out": {"events": self.events_left_out, "characters": self.texts.left_out},
        }

    def _start_node(self, event: NodeStarted, t: float) -> None:
        if event.node in self._nodes:
            return
        node = self._nodes[event.node] = NodePage(event, t, self.texts)
        parent = self._nodes.get(event.parent) if event.parent is not None else None
        if parent is None or event.parent is None:
            # One that started before: so there can be no circle
            node.record.parent = None
            return
        self._children.setdefault(event.parent, []).append(event.node)
        sub = self._subs.get(-1 if event.sub_call is None else event.sub_call)
        if sub is None:
            self._untold -= 1
            sub = parent.untold_sub_call(self._untold, event.query, event.model, t)
        sub.child, sub.recursive = event.node, True

    def _add_to_node(self, node: NodePage, event: Event, t: float) -> None:
        match event:
            case ModelRequested() | ModelAttemptStarted() | ModelAttemptFailed():
                self._add_request(node, event, t)
            case ModelReplied() | ModelFailed():
                self._end_call(event, t)
            case SubCallStarted() | SubCallEnded():
                self._add_sub_call(node, event, t)
            case ToolCalled() | ToolReturned() | ToolFailed():
                self._add_tool_call(node, event, t)
            case CodeStarted():
                node.start_code(event, t)
            case CodeExecuted():
                node.end_code(event, t)
            case NodeEnded():
                self._end_node(node, event, t)
            case ReplayDiverged():
                self._diverge(node, event, t)
            case _:
                _note(node, event, t)

    def _add_request(
        self,
        node: NodePage,
        event: ModelRequested | ModelAttemptStarted | ModelAttemptFailed,
        t: float,
    ) -> None:
        call = self._calls.get(event.call)
        if not isinstance(event, ModelRequested):
            if call is not None and isinstance(event, ModelAttemptStarted):
                start_attempt(call, t)
            elif call is not None and isinstance(event, ModelAttemptFailed):
                end_attempt(call, event, self.texts, t)
            return
        if call is not None and call.end is None and call.model == event.model:
            # Sent anew under its number after a crash
            return
        if event.iteration is not None:
            self._calls[event.call] = node.request(event, t)
            return
        sub = self._subs.get(-1 if event.sub_call is None else event.sub_call)
        if sub is None:
            self._untold -= 1
            prompt = event.messages[-1].get("content", "") if event.messages else ""
            sub = node.untold_sub_call(self._untold, prompt, event.model, t)
        call = self._calls[event.call] = node.new_call(event, t)
        sub.calls.append(call)

    def _end_call(self, event: ModelReplied | ModelFailed, t: float) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        if isinstance(event, ModelReplied):
            fill_reply(call, event, self.texts, t)
        else:
            fail_call(call, event, self.texts, t)

    def _add_sub_call(self, node: NodePage, event: SubCallStarted | SubCallEnded, t: float) -> None:
        if isinstance(event, SubCallStarted):
            self._subs[event.sub_call] = node.sub_call(event, t)
            return
        sub = self._subs.get(event.sub_call)
        if sub is not None:
            sub.end, sub.stop, sub.type = t, event.stop_reason, event.answer_type
            sub.answer = self.texts.add(event.answer)
            sub.error = self.texts.add(event.error)

    def _add_tool_call(
        self, node: NodePage, event: ToolCalled | ToolReturned | ToolFailed, t: float
    ) -> None:
        if isinstance(event, ToolCalled):
            self._tools[event.call] = node.tool_call(event, t)
            return
        call = self._tools.get(event.call)
        if call is None:
            return
        call.end = t
        if isinstance(event, ToolReturned):
            call.result, call.type = self.texts.add(event.result), event.result_type
        else:
            call.error, call.cancelled = self.texts.add(event.error), event.cancelled

    def _end_node(self, node: NodePage, event: NodeEnded, t: float) -> None:
        record = node.record
        record.end, record.stop, record.type = t, event.stop_reason, event.answer_type
        record.answer = self.texts.add(self._whole(event.answer_ref, event.answer))
        record.error = self.texts.add(event.error)

    def _diverge(self, node: NodePage, event: ReplayDiverged, t: float) -> None:
        self._diverged += 1
        if self._diverged > _MOST_DIVERGED:
            return
        # A stack of its own: a trace from elsewhere may be as deep as it likes
        below = node.diverge(event, t)
        while below:
            number = below.pop()
            record = self._nodes[number].record
            if not record.old:
                record.old = True
                below += self._children.get(number, [])


def _note(node: NodePage, event: Event, t: float) -> None:
    """Tell what is rare enough to be told in words."""
    match event:
        case SandboxStarted():
            node.note(t, "sandbox", f"Sandbox ready after {event.seconds:.2f} s")
        case SandboxLost():
            node.note(t, "lost", f"The sandbox is lost: {event.reason}")
        case NodeRebuilt():
            said = f"Rebuilt in {event.seconds:.2f} s: blocks run again: {event.blocks:,}"
            node.note(t, "rebuilt", said)
        case HistoryTrimmed():
            why = "the model found it too long" if event.exceeded else "to fit the window"
            said = f"{event.messages:,} messages ({event.characters:,} characters) left out: {why}"
            node.note(t, "trimmed", said)
        case WorstCaseExceeded():
            said = f"{event.tokens:,} tokens were counted, {event.allowed_tokens:,} allowed"
            node.note(t, "exceeded", f"Call {event.call}: {said}")
        case LimitsTold():
            left = ", ".join(f"{name} {left}" for name, left in list(event.limits.items())[:20])
            node.note(t, "limits", f"limits(): {left}")
        case AnswerGiven(rejected=str(why)):
            node.note(t, "rejected", f"The answer was rejected: {why}")
