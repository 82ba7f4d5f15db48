"""Exit statuses, and what the user is told of an error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import fields
from enum import IntEnum

from rlm_runtime._cli.output import OutputError
from rlm_runtime._errors import (
    ConfigError,
    InputError,
    LimitExceededError,
    ModelAuthenticationError,
    ModelError,
    ModelRateLimitError,
    ModelUnavailableError,
    RLMError,
    SandboxError,
    TraceError,
)
from rlm_runtime._limits import Limits


class ExitStatus(IntEnum):
    """What the process ends with."""

    ANSWERED = 0
    FAILED = 1
    USAGE = 2
    INPUT = 10
    CONFIG = 11
    MODEL = 20
    SANDBOX = 21
    STOPPED = 30
    INTERRUPTED = 130
    TERMINATED = 143


def exit_status(error: BaseException) -> ExitStatus:
    """Choose the exit status for an error that ended a command."""
    match error:
        case InputError():
            return ExitStatus.INPUT
        case ConfigError() | TraceError():
            return ExitStatus.CONFIG
        case ModelError():
            return ExitStatus.MODEL
        case SandboxError():
            return ExitStatus.SANDBOX
        case LimitExceededError():
            return ExitStatus.STOPPED
        case _:
            return ExitStatus.FAILED


def describe_error(error: BaseException, *, debug: bool = False) -> str:
    """Say what went wrong and what to do; with the traceback only for debugging."""
    if isinstance(error, RLMError | OutputError):
        lines = [str(error) or type(error).__name__, *_hints(error)]
    else:
        lines = [
            f"Unexpected {type(error).__name__}: {error}",
            "hint: --debug shows where it happened",
        ]
    if debug:
        lines.append("".join(traceback.format_exception(error)).rstrip())
    return "\n".join(f"rlm: {line}" for line in lines)


def _hints(error: BaseException) -> Iterator[str]:
    for note in getattr(error, "__notes__", ()):
        yield f"hint: {note}"
    match error:
        case ModelAuthenticationError():
            yield "hint: the key comes from RLM_API_KEY, OPENAI_API_KEY or the provider's variable"
        case ModelRateLimitError():
            yield "hint: --max-attempts and --max-retry-seconds give it more patience"
        case ModelUnavailableError(status=int()):
            yield "hint: --max-attempts and --max-retry-seconds give it more patience"
        case ModelUnavailableError():
            yield "hint: see that a server runs there; --base-url names another one"
        case ModelError(status=404):
            yield "hint: -m names a model that is served there; most base URLs end in /v1"
        case LimitExceededError(stop_reason=name) if name in {f.name for f in fields(Limits)}:
            yield f"hint: --{name.replace('_', '-')} raises this limit"
