"""How a run that did not come to its end is taken up again."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from rlm_runtime._paths import default_trace_dir
from rlm_runtime._types import StopReason

_GRANTED = ("max_calls", "max_cost", "max_nodes", "max_seconds", "max_tokens", "max_iterations")


def resume_command(trace: Path, stop_reason: StopReason | None) -> str | None:
    """Give the command that goes on with a run.

    Args:
        trace: The trace of the run.
        stop_reason: Why it ended; None where it crashed.

    Returns:
        None where nothing is left to do, or the model gave up.
    """
    if stop_reason in ("answered", "no_answer", "repetition"):
        return None
    folder = trace.parent
    default = os.environ.get("RLM_TRACE_DIR") or default_trace_dir()
    is_found = folder.parent.absolute() == Path(default).absolute()
    more = f" --{stop_reason.replace('_', '-')} N" if stop_reason in _GRANTED else ""
    return f"rlm resume {shlex.quote(folder.name if is_found else str(folder))}{more}"
