"""What happened in an event, in one sentence."""

from __future__ import annotations

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    LimitsTold,
    ModeChosen,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
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
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
    TraceFailed,
    TraceRecovered,
    TraceStalled,
    WorstCaseExceeded,
)
from rlm_runtime._printable import one_line
from rlm_runtime._tui.amounts import short_time


def tell(event: Event) -> str:
    """Tell in one sentence what happened, with nothing in it that a terminal obeys."""
    return one_line(_of_node(event) or _of_code(event) or _of_model(event) or _of_run(event), 300)


def main_text(event: Event) -> tuple[str, str]:
    """Give the text that an event is about, and what it is; empty where it has none."""
    error = _error_of(event)
    return (error, "why") if error else _text_of(event)


def _text_of(event: Event) -> tuple[str, str]:
    match event:
        case CodeStarted():
            return event.code, "code"
        case CodeExecuted():
            return event.stdout or event.stderr, "output"
        case ModelReplied():
            return event.text, "reply"
        case ModelRequested():
            last = event.messages[-1] if event.messages else {}
            return last.get("content", ""), "the last message"
        case NodeStarted() | RunStarted():
            return event.query, "query"
        case SubCallStarted():
            return event.prompt, "prompt"
        case AnswerGiven() | NodeEnded() | SubCallEnded() | RunEnded():
            return event.answer, "answer"
        case ToolCalled():
            return event.arguments, "called with"
        case ToolReturned():
            return event.result, "result"
    return "", ""


def _error_of(event: Event) -> str:
    match event:
        case SandboxLost() | ReplayDiverged() | ModeChosen():
            return event.reason
        case AnswerGiven():
            return event.rejected or ""
    return getattr(event, "error", None) or ""


def _of_node(event: Event) -> str:
    match event:
        case NodeStarted():
            asked = "" if event.parent is None else f", asked by node {event.parent}"
            return f"Node {event.node} began with {event.model}{asked}."
        case SandboxStarted():
            return f"The sandbox was ready after {short_time(event.seconds)}."
        case SandboxLost():
            return "The sandbox ended before its node."
        case NodeRebuilt():
            took = short_time(event.seconds)
            return f"The node was rebuilt up to iteration {event.iteration} in {took}."
        case ReplayDiverged():
            where = f"Block {event.block + 1} of iteration {event.iteration}"
            return f"{where} gave something else than before: what came after it counts no more."
        case NodeEnded():
            return f"Node {event.node} ended: {event.stop_reason}."
    return ""


def _of_code(event: Event) -> str:
    match event:
        case CodeStarted():
            return f"Block {event.block + 1} of iteration {event.iteration} began to run."
        case CodeExecuted():
            how = "failed" if event.error is not None else "ran"
            return f"Block {event.block + 1} {how} in {short_time(event.seconds)}."
        case SubCallStarted():
            by = "A node" if event.recursive else "A plain completion"
            return f"The code made sub-call {event.sub_call}. {by} of {event.model} answers it."
        case SubCallEnded():
            took = short_time(event.seconds)
            return f"Sub-call {event.sub_call} ended after {took}: {event.stop_reason}."
        case LimitsTold():
            return "The code asked what it may still spend."
        case ToolCalled():
            return f"The code called the tool {event.tool}."
        case ToolReturned():
            return f"The tool {event.tool} gave a result after {short_time(event.seconds)}."
        case ToolFailed():
            how = "was given up" if event.cancelled else "failed"
            return f"The tool {event.tool} {how} after {short_time(event.seconds)}."
        case AnswerGiven():
            what = "was rejected" if event.rejected is not None else "was given"
            return f"An answer {what} in iteration {event.iteration}."
    return ""


def _of_model(event: Event) -> str:
    match event:
        case ModelRequested():
            what = "A completion" if event.iteration is None else f"Iteration {event.iteration}"
            return f"{what} asked {event.model} in call {event.call}."
        case ModelAttemptStarted():
            return f"Attempt {event.attempt} at call {event.call} was sent."
        case ModelAttemptFailed():
            again = (
                "that was the last" if event.wait is None else f"again in {short_time(event.wait)}"
            )
            return f"Attempt {event.attempt} at call {event.call} failed: {again}."
        case ModelReplied():
            if event.recalled:
                return f"The reply to call {event.call} was taken from the record."
            return f"The model replied to call {event.call} after {short_time(event.seconds)}."
        case WorstCaseExceeded():
            return "The endpoint counted more tokens than it was allowed to use."
        case ModelFailed():
            how = "was given up" if event.cancelled else "failed for good"
            return f"Call {event.call} {how} after {short_time(event.seconds)}."
        case HistoryTrimmed():
            return f"The {event.messages:,} oldest messages of the history were left out."
    return ""


def _of_run(event: Event) -> str:
    match event:
        case RunStarted():
            return f"The run began with {event.model}."
        case RunResumed():
            return "The run went on after it had stopped."
        case RunForked():
            return f"The run was forked at iteration {event.iteration} of node {event.node}."
        case ModeChosen():
            return f"The run is answered as follows: {event.mode}."
        case TraceFailed():
            return "The trace cannot be written any more."
        case TraceStalled():
            return "The trace cannot be written for now: model calls wait."
        case TraceRecovered():
            return f"The trace is written again after {short_time(event.seconds)}."
        case RunEnded():
            return f"The run ended: {event.stop_reason}."
    return str(getattr(event, "kind", "")).replace("_", " ")
