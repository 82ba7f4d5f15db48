"""The errors that generated code meets."""

from __future__ import annotations

from typing import Any


class LLMQueryError(Exception):
    """A sub-call failed.

    `stop_reason` says why and `partial` is what the sub-call had by then. For a batch, `results`
    holds answers and errors in the order of the prompts.
    """

    def __init__(
        self,
        message: str,
        *,
        stop_reason: str = "error",
        partial: Any = None,
        results: list[Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.stop_reason = stop_reason
        self.partial = partial
        self.results = results


class ToolError(Exception):
    """A call of a tool failed; the message says why."""


class AnswerRejectedError(ValueError):
    """The answer given to FINAL was rejected; the node goes on."""
