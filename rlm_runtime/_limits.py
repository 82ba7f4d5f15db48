"""What a run may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from rlm_runtime._errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend, and how large it may grow; None means no limit.

    Raises:
        ConfigError: A value makes no sense.
    """

    max_depth: int = 2
    """Levels of sub-calls below the root; the deepest level is plain completions."""
    max_iterations: int = 30
    """Replies that one node may give before it must have answered."""
    max_calls: int | None = 1000
    """Model calls in the whole tree."""
    max_tokens: int | None = None
    """Tokens of prompts and replies in the whole tree."""
    max_cost: float | None = None
    """US dollars that the whole tree may cost."""
    max_node_share: float = 1.0
    """Part of what its parent has left of calls, tokens and cost that a child node may have."""
    max_nodes: int | None = 500
    """Nodes in the whole tree, the root included."""
    max_seconds: float | None = None
    """Seconds of wall time for the run."""
    max_concurrency: int = 16
    """Model calls in flight at once."""
    max_attempts: int = 10
    """Attempts at one model call, the first included."""
    max_retry_seconds: float | None = 300.0
    """Seconds after a call's first failure in which it is tried again."""
    max_sandboxes: int = 8
    """Live sandboxes at each depth."""
    max_tool_calls: int | None = 1000
    """Calls of tools in the whole tree."""
    max_tool_seconds: float = 60.0
    """Seconds that one call of a tool may take."""
    max_cell_seconds: float = 60.0
    """Seconds that one code block may run, waiting for sub-calls and tools not counted."""
    max_memory_mb: int = 512
    """Memory of Python in one sandbox, in MiB; a large context raises it, up to 4096."""
    max_observation_chars: int = 8000
    """Characters of output and error that the model is shown of one iteration."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and "None" in str(field.type):
                continue
            least = _LEAST.get(field.name, 1)
            whole = "int" in str(field.type)
            number = isinstance(value, int if whole else int | float)
            most = _MOST.get(field.name, math.inf)
            # Neither nan nor inf can be counted down, or told in JSON
            fits = number and least <= value <= most and value != math.inf
            if isinstance(value, bool) or not fits:
                form = "a whole number, " if whole else ""
                bounds = f"{least} or more" if most == math.inf else f"from {least} to {most:g}"
                raise ConfigError(
                    f"Cannot set {field.name} to {value!r}: it must be {form}{bounds}"
                )


_LEAST: dict[str, float] = {
    "max_depth": 0,
    "max_retry_seconds": 0.001,
    "max_cost": 0,
    "max_node_share": 0.001,
    "max_seconds": 0.001,
    "max_tool_seconds": 0.001,
    "max_cell_seconds": 0.001,
    "max_memory_mb": 64,
    "max_observation_chars": 200,
}
_MOST: dict[str, float] = {"max_node_share": 1}
