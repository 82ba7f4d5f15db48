"""The spans of what a node does: model calls, code, calls of tools."""

from __future__ import annotations

import re

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    ReplayDiverged,
    ToolCalled,
    ToolFailed,
    ToolReturned,
    WorstCaseExceeded,
)
from rlm_runtime._export.gen_ai import (
    as_object,
    input_messages,
    output_messages,
    provider_and_model,
)
from rlm_runtime._export.histories import History
from rlm_runtime._export.spans import Ids, Span, span_name

_ERROR = re.compile(r"[A-Za-z_][\w.]*")

Key = tuple[str, int]


class Work:
    """The spans of what nodes do; those that end are given, the others wait."""

    def __init__(self, *, content: bool) -> None:
        self._content = content
        self._open: dict[Key, Span] = {}
        self._histories: dict[int, History] = {}
        """Of nodes, where content is asked for: requests tell only what is new."""

    def add(self, event: Event, now: int, ids: Ids) -> Span | None:
        """Take in one event of a node; give the span that ended with it."""
        match event:
            case ModelRequested():
                self._request(event, now, ids)
            case ModelAttemptStarted() | ModelAttemptFailed() | WorstCaseExceeded():
                if span := self._open.get(("call", event.call)):
                    _attempt(span, event, now, content=self._content)
            case ModelReplied() | ModelFailed():
                return self._end_call(event, now)
            case CodeStarted():
                self._start_code(event, now, ids)
            case CodeExecuted():
                return self._end_code(event, now)
            case ToolCalled():
                self._call_tool(event, now, ids)
            case ToolReturned() | ToolFailed():
                return self._end_tool(event, now)
            case HistoryTrimmed() | ReplayDiverged() | NodeEnded():
                self._keep_up(event)
        return None

    def take_open(self) -> list[Span]:
        """Give what is open, which will not be given again."""
        spans, self._open = list(self._open.values()), {}
        return spans

    def _begin(self, key: Key, span: Span) -> None:
        self._open[key] = span

    def _end(self, key: Key, now: int) -> Span | None:
        span = self._open.pop(key, None)
        if span is not None:
            span.end = now
        return span

    def _request(self, event: ModelRequested, now: int, ids: Ids) -> None:
        provider, model = provider_and_model(event.model)
        span = Span(
            name=span_name("chat", model),
            id=ids.span("call", event.call),
            parent=ids.span("node", event.node),
            start=now,
            kind="client",
        )
        span.set(
            gen_ai__operation__name="chat",
            gen_ai__provider__name=provider,
            gen_ai__request__model=model,
            gen_ai__conversation__id=ids.run,
            gen_ai__output__type="json" if event.schema else None,
            rlm__node=event.node,
            rlm__call=event.call,
            rlm__iteration=event.iteration,
            rlm__sub_call=event.sub_call,
        )
        if self._content:
            history = History()
            if event.iteration is not None:
                history = self._histories.setdefault(event.node, history)
            history.ask(event.messages, whole=event.iteration is None)
            span.set(gen_ai__input__messages=input_messages(history.messages))
        self._begin(("call", event.call), span)

    def _end_call(self, event: ModelReplied | ModelFailed, now: int) -> Span | None:
        span = self._end(("call", event.call), now)
        if span is None:
            return None
        span.set(rlm__attempts=event.attempts)
        if isinstance(event, ModelFailed):
            _fail_call(span, event, content=self._content)
            return span
        _reply(span, event)
        if self._content:
            if "rlm.iteration" in span.attributes and event.node in self._histories:
                self._histories[event.node].reply(event.text)
            said = output_messages(
                event.text, reasoning=event.reasoning, finish_reason=event.finish_reason
            )
            span.set(gen_ai__output__messages=said)
        return span

    def _start_code(self, event: CodeStarted, now: int, ids: Ids) -> None:
        span = _tool_span("python", ids.span("code", event.node, event.iteration, event.block))
        span.parent, span.start = ids.span("node", event.node), now
        span.set(
            # It is run where the node is, not called outside
            gen_ai__tool__type="extension",
            gen_ai__conversation__id=ids.run,
            rlm__node=event.node,
            rlm__iteration=event.iteration,
            rlm__block=event.block,
            gen_ai__tool__call__arguments=as_object(code=event.code) if self._content else None,
        )
        self._begin(("code", event.node), span)

    def _end_code(self, event: CodeExecuted, now: int) -> Span | None:
        if self._content and event.node in self._histories:
            self._histories[event.node].ran(event.iteration, event.block)
        span = self._end(("code", event.node), now)
        if span is None:
            return None
        span.set(rlm__completed=event.completed, rlm__pending=len(event.pending))
        if event.error is not None:
            # The last line of a traceback names the error, and tells more behind it
            last = event.error.strip().rpartition("\n")[2]
            kind = _ERROR.match(last)
            span.fail(kind[0] if kind else "_OTHER", last if self._content else None)
        if self._content:
            result = as_object(stdout=event.stdout, stderr=event.stderr, error=event.error)
            span.set(gen_ai__tool__call__result=result)
        return span

    def _call_tool(self, event: ToolCalled, now: int, ids: Ids) -> None:
        span = _tool_span(event.tool, ids.span("tool", event.call))
        span.parent, span.start = ids.span("node", event.node), now
        span.set(
            gen_ai__tool__type="function",
            gen_ai__tool__call__id=f"{ids.run}/{event.call}",
            gen_ai__conversation__id=ids.run,
            rlm__node=event.node,
            rlm__iteration=event.iteration,
        )
        if self._content:
            span.set(gen_ai__tool__call__arguments=as_object(arguments=event.arguments))
        self._begin(("tool", event.call), span)

    def _end_tool(self, event: ToolReturned | ToolFailed, now: int) -> Span | None:
        span = self._end(("tool", event.call), now)
        if span is None:
            return None
        if isinstance(event, ToolFailed):
            if event.cancelled:
                span.set(rlm__cancelled=True)
            else:
                span.fail("tool_error", event.error if self._content else None)
        elif self._content:
            span.set(gen_ai__tool__call__result=as_object(result=event.result))
        return span

    def _keep_up(self, event: HistoryTrimmed | ReplayDiverged | NodeEnded) -> None:
        history = self._histories.get(event.node)
        match event:
            case HistoryTrimmed() if history is not None:
                history.trim()
            case ReplayDiverged() if history is not None:
                history.diverged(event.iteration, event.block)
            case NodeEnded(stop_reason="answered"):
                self._histories.pop(event.node, None)


def _tool_span(tool: str, number: int) -> Span:
    span = Span(name=span_name("execute_tool", tool), id=number, parent=None, start=0)
    span.set(gen_ai__operation__name="execute_tool", gen_ai__tool__name=tool)
    return span


def _attempt(
    span: Span,
    event: ModelAttemptStarted | ModelAttemptFailed | WorstCaseExceeded,
    now: int,
    *,
    content: bool,
) -> None:
    match event:
        case ModelAttemptStarted():
            span.set(gen_ai__request__max_tokens=event.completion_tokens)
        case ModelAttemptFailed():
            span.tell(
                "rlm.attempt_failed",
                now,
                error__type=_attempt_error(event),
                rlm__attempt=event.attempt,
                rlm__wait=event.wait,
                rlm__prompt_tokens=event.prompt_tokens,
                rlm__completion_tokens=event.completion_tokens,
                rlm__cost=event.cost,
                exception__message=event.error if content else None,
            )
            # Should there be no further attempt
            span.set(error__type=_attempt_error(event))
        case WorstCaseExceeded():
            span.tell(
                "rlm.worst_case_exceeded",
                now,
                rlm__allowed_tokens=event.allowed_tokens,
                rlm__tokens=event.tokens,
            )


def _attempt_error(event: ModelAttemptFailed) -> str:
    return "model_error" if event.status is None else str(event.status)


def _reply(span: Span, event: ModelReplied) -> None:
    span.attributes.pop("error.type", None)
    first = event.seconds_to_first_token
    span.set(
        gen_ai__response__model=event.model,
        gen_ai__response__finish_reasons=(event.finish_reason,) if event.finish_reason else (),
        gen_ai__response__time_to_first_chunk=first,
        gen_ai__request__stream=None if first is None else True,
    )
    if event.recalled:
        # Nothing was sent, and what it had cost was spent by the other run
        span.kind = "internal"
        span.set(rlm__recalled=event.recalled)
        return
    span.set(
        gen_ai__usage__input_tokens=event.prompt_tokens,
        gen_ai__usage__output_tokens=event.completion_tokens,
        gen_ai__usage__cache_read__input_tokens=event.cached_tokens,
        gen_ai__usage__reasoning__output_tokens=event.reasoning_tokens,
        rlm__cost=event.cost,
        rlm__estimated=None if event.counted else True,
    )


def _fail_call(span: Span, event: ModelFailed, *, content: bool) -> None:
    if event.prompt_tokens or event.completion_tokens:
        span.set(
            gen_ai__usage__input_tokens=event.prompt_tokens,
            gen_ai__usage__output_tokens=event.completion_tokens,
            rlm__cost=event.cost,
            rlm__estimated=True,
        )
    if event.cancelled:
        span.attributes.pop("error.type", None)
        span.set(rlm__cancelled=True)
        return
    known = span.attributes.get("error.type")
    span.fail(known if isinstance(known, str) else "_OTHER", event.error if content else None)
