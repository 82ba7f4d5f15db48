"""What a step says: the text that is shown of it, and what it is held against."""

from __future__ import annotations

import json

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunForked,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._tui.comparing.steps import StepKind


def text_of(event: Event, kind: StepKind) -> str:
    """Give the text of a step, as its event has it."""
    match event:
        case NodeStarted() | SubCallStarted():
            return _text_of_start(event, kind)
        case ModelRequested():
            return "\n\n".join(
                f"{one.get('role', '?')}:\n{one.get('content', '')}" for one in event.messages
            )
        case ModelReplied():
            return event.text
        case CodeStarted():
            return event.code
        case CodeExecuted():
            return {"output": event.stdout, "stderr": event.stderr}.get(kind, event.error or "")
        case NodeEnded() | SubCallEnded():
            if kind == "answer":
                return event.answer
            return f"{event.stop_reason}\n{event.error}" if event.error else event.stop_reason
        case AnswerGiven():
            return f"{event.answer}\n{_rejected(event)}" if event.rejected else event.answer
    return _text_of_rare(event)


def ref_of(event: Event, kind: StepKind) -> str:
    """Name the value that is the whole of what a step says; empty where there is none."""
    match event:
        case NodeStarted():
            return {"query": event.query_ref, "context": event.context_ref}.get(kind, "")
        case SubCallStarted():
            return {"query": event.prompt_ref, "context": event.context_ref}.get(kind, "")
        case NodeEnded() | SubCallEnded() if kind == "answer":
            return event.answer_ref
        case AnswerGiven():
            return event.answer_ref
        case ToolCalled():
            return event.arguments_ref
        case ToolReturned():
            return event.result_ref
    return ""


def is_same(a: Event, b: Event, kind: StepKind) -> bool:
    """Tell whether two steps say the same, as far as their events have it."""
    ref_a, ref_b = ref_of(a, kind), ref_of(b, kind)
    # The same value has the same name, whatever run it is in; without one there is a text alone
    if ref_a and ref_b and ref_a != ref_b:
        return False
    return text_of(a, kind) == text_of(b, kind)


def _text_of_start(event: NodeStarted | SubCallStarted, kind: StepKind) -> str:
    match kind:
        case "model":
            return event.model
        case "schema":
            return event.schema
        case "context":
            return event.context
    return event.query if isinstance(event, NodeStarted) else event.prompt


def _text_of_rare(event: Event) -> str:
    match event:
        case ModelFailed():
            return event.error
        case SandboxLost():
            return event.reason
        case HistoryTrimmed():
            return f"{event.messages} messages, {event.characters} characters"
        case ToolCalled():
            return f"{event.tool}: {event.arguments}"
        case ToolReturned():
            return f"{event.tool}: {event.result}"
        case ToolFailed():
            return f"{event.tool} failed: {event.error}"
        case RunStarted():
            return _text_of_settings(event)
        case RunForked():
            said = f"\nsaid in addition: {event.say}" if event.say else ""
            return f"from node {event.node}, iteration {event.iteration} of {event.parent}{said}"
    return ""


def _text_of_settings(event: RunStarted) -> str:
    lines = [f"model: {event.model}", f"sub model: {event.sub_model}", f"seed: {event.seed}"]
    lines += [f"{name}: {limit}" for name, limit in sorted(event.limits.items())]
    lines += [f"schema: {event.schema}"] if event.schema else []
    try:
        settings = json.loads(event.settings or "{}")
    except (ValueError, RecursionError):
        return "\n".join([*lines, event.settings])
    if not isinstance(settings, dict):
        return "\n".join([*lines, event.settings])
    return "\n".join([*lines, *(f"{name}: {json.dumps(settings[name])}" for name in settings)])


def _rejected(event: AnswerGiven) -> str:
    return f"rejected: {event.rejected}"
