"""The texts of an event that a search looks through."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    ModeChosen,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunForked,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
    TraceFailed,
    TraceStalled,
)

_ERROR = (("error", "error"),)
_END = (("answer", "answer"), ("error", "error"))
_TEXTS: dict[type[Event], tuple[tuple[str, str], ...]] = {
    RunStarted: (("query", "query"),),
    RunForked: (("say", "message"),),
    RunEnded: _END,
    ModeChosen: (("reason", "reason"),),
    TraceFailed: _ERROR,
    TraceStalled: _ERROR,
    NodeStarted: (("query", "query"),),
    NodeEnded: _END,
    SandboxLost: (("reason", "error"),),
    ReplayDiverged: (("reason", "error"),),
    ModelAttemptFailed: _ERROR,
    ModelReplied: (("text", "reply"), ("reasoning", "reasoning")),
    ModelFailed: _ERROR,
    CodeStarted: (("code", "code"),),
    CodeExecuted: (("stdout", "output"), ("stderr", "stderr"), ("error", "error")),
    SubCallStarted: (("prompt", "prompt"),),
    SubCallEnded: _END,
    ToolCalled: (("tool", "tool"), ("arguments", "tool arguments")),
    ToolReturned: (("result", "tool result"),),
    ToolFailed: _ERROR,
    AnswerGiven: (("answer", "answer"), ("rejected", "rejection")),
}
"""The fields of each kind of event that hold a text, and what the text is called."""


def texts_of(event: Event) -> Iterator[tuple[str, str]]:
    """Give the texts of an event that are not empty, each with what it is called."""
    if isinstance(event, ModelRequested):
        for message in event.messages:
            text = message.get("content")
            if text:
                yield f"message of {message.get('role', 'nobody')}", text
        return
    for field, name in _TEXTS.get(type(event), ()):
        text = getattr(event, field)
        if text:
            yield name, text
