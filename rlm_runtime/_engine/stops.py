"""Why a node, a sub-call or a run ended, by what was raised."""

from __future__ import annotations

import anyio

from rlm_runtime._errors import LimitExceededError, ModelError, RLMError, SandboxError
from rlm_runtime._types import StopReason


def stop_reason_of(exc: BaseException) -> StopReason:
    """Give the word that events have for it."""
    match exc:
        case LimitExceededError():
            return exc.stop_reason
        case ModelError():
            return "model_error"
        case SandboxError():
            return "sandbox_error"
    return "interrupted" if isinstance(exc, anyio.get_cancelled_exc_class()) else "error"


def explain_stop(exc: BaseException) -> str | None:
    """Say what went wrong; nothing did where it was only cancelled."""
    if isinstance(exc, anyio.get_cancelled_exc_class()):
        return None
    return str(exc) if isinstance(exc, RLMError) else repr(exc)
