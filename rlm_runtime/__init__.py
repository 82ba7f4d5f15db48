"""A runtime for Recursive Language Models.

    async with RLM(model="openai/gpt-5") as rlm:
        result = await rlm.run("Which chapters mention the flood?", context=book)

A run answers a query about a context of any size: the context is a variable in a sandboxed Python
REPL, and the model writes code that looks at it and starts sub-calls.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlm_runtime._errors import (
        ConfigError,
        InputError,
        LimitExceededError,
        ModelAuthenticationError,
        ModelContentFilterError,
        ModelContextWindowError,
        ModelError,
        ModelRateLimitError,
        ModelRecallError,
        ModelReplyError,
        ModelUnavailableError,
        NoAnswerError,
        RLMError,
        SandboxError,
        SandboxStartError,
        TraceError,
    )
    from rlm_runtime._events import Event
    from rlm_runtime._export.live import open_otel
    from rlm_runtime._limits import Limits
    from rlm_runtime._llm.base import LLM, CallOptions
    from rlm_runtime._models import Model, ModelInfo, Price
    from rlm_runtime._rlm import RLM, run_sync
    from rlm_runtime._runner import RunResult
    from rlm_runtime._tools.function import Tool
    from rlm_runtime._tools.server import MCPServer
    from rlm_runtime._trace.reader import read_trace
    from rlm_runtime._types import Completion, Message, Usage

# Loaded at first use, so that `rlm --help` waits for none of it
_HOMES = {
    "_errors": (
        "ConfigError",
        "InputError",
        "LimitExceededError",
        "ModelAuthenticationError",
        "ModelContentFilterError",
        "ModelContextWindowError",
        "ModelError",
        "ModelRateLimitError",
        "ModelRecallError",
        "ModelReplyError",
        "ModelUnavailableError",
        "NoAnswerError",
        "RLMError",
        "SandboxError",
        "SandboxStartError",
        "TraceError",
    ),
    "_events": ("Event",),
    "_export.live": ("open_otel",),
    "_limits": ("Limits",),
    "_llm.base": ("LLM", "CallOptions"),
    "_models": ("Model", "ModelInfo", "Price"),
    "_rlm": ("RLM", "run_sync"),
    "_runner": ("RunResult",),
    "_tools.function": ("Tool",),
    "_tools.server": ("MCPServer",),
    "_trace.reader": ("read_trace",),
    "_types": ("Completion", "Message", "Usage"),
}

__all__ = [
    "CallOptions",
    "Completion",
    "ConfigError",
    "Event",
    "InputError",
    "LLM",
    "LimitExceededError",
    "Limits",
    "MCPServer",
    "Message",
    "Model",
    "ModelAuthenticationError",
    "ModelContentFilterError",
    "ModelContextWindowError",
    "ModelError",
    "ModelInfo",
    "ModelRateLimitError",
    "ModelRecallError",
    "ModelReplyError",
    "ModelUnavailableError",
    "NoAnswerError",
    "Price",
    "RLM",
    "RLMError",
    "RunResult",
    "SandboxError",
    "SandboxStartError",
    "Tool",
    "TraceError",
    "Usage",
    "open_otel",
    "read_trace",
    "run_sync",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"rlm_runtime.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
