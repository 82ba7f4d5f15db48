"""The events of a run, one frozen class each, in the words of the trace.

A recorder stamps an event with `seq`, `time` and `mono` when it happens. Every other field is
a str, a number, a bool, None, or a tuple or dict of these, so that an event packs as it is. A
field that ends in `_ref` names a value that the trace holds beside the events.
"""

from __future__ import annotations

from rlm_runtime._events.base import Event
from rlm_runtime._events.code import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    LimitsTold,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._events.models import (
    HistoryTrimmed,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    WorstCaseExceeded,
)
from rlm_runtime._events.nodes import (
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    SandboxLost,
    SandboxStarted,
)
from rlm_runtime._events.runs import (
    ModeChosen,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
    TraceFailed,
    TraceRecovered,
    TraceStalled,
)
from rlm_runtime._events.spending import usage_of

__all__ = [
    "AnswerGiven",
    "CodeExecuted",
    "CodeStarted",
    "EVENT_TYPES",
    "Event",
    "HistoryTrimmed",
    "LimitsTold",
    "ModeChosen",
    "ModelAttemptFailed",
    "ModelAttemptStarted",
    "ModelFailed",
    "ModelReplied",
    "ModelRequested",
    "NodeEnded",
    "NodeRebuilt",
    "NodeStarted",
    "ReplayDiverged",
    "RunEnded",
    "RunForked",
    "RunResumed",
    "RunStarted",
    "SandboxLost",
    "SandboxStarted",
    "SubCallEnded",
    "SubCallStarted",
    "ToolCalled",
    "ToolFailed",
    "ToolReturned",
    "TraceFailed",
    "TraceRecovered",
    "TraceStalled",
    "WorstCaseExceeded",
    "usage_of",
]

EVENT_TYPES: dict[str, type[Event]] = {
    "run_started": RunStarted,
    "run_resumed": RunResumed,
    "run_forked": RunForked,
    "mode_chosen": ModeChosen,
    "trace_failed": TraceFailed,
    "trace_stalled": TraceStalled,
    "trace_recovered": TraceRecovered,
    "run_ended": RunEnded,
    "node_started": NodeStarted,
    "sandbox_started": SandboxStarted,
    "sandbox_lost": SandboxLost,
    "node_rebuilt": NodeRebuilt,
    "replay_diverged": ReplayDiverged,
    "node_ended": NodeEnded,
    "model_requested": ModelRequested,
    "model_attempt_started": ModelAttemptStarted,
    "model_attempt_failed": ModelAttemptFailed,
    "model_replied": ModelReplied,
    "worst_case_exceeded": WorstCaseExceeded,
    "model_failed": ModelFailed,
    "history_trimmed": HistoryTrimmed,
    "code_started": CodeStarted,
    "code_executed": CodeExecuted,
    "sub_call_started": SubCallStarted,
    "sub_call_ended": SubCallEnded,
    "limits_told": LimitsTold,
    "tool_called": ToolCalled,
    "tool_returned": ToolReturned,
    "tool_failed": ToolFailed,
    "answer_given": AnswerGiven,
}
"""Every event class by its `kind`."""
