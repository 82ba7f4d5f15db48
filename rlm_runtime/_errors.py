"""The errors a user of the package can meet, one tree.

    RLMError
      ConfigError                 a setting is missing or makes no sense
      InputError                  the task or the context cannot be read
      ModelError                  the model failed for good
        ModelAuthenticationError  the endpoint refused the key (401, 403)
        ModelUnavailableError     the endpoint cannot be reached, or its stream broke off
        ModelRateLimitError       the endpoint asked for fewer calls (429)
        ModelReplyError           the endpoint answered what is not a completion
        ModelContextWindowError   the prompt does not fit into the model's window
        ModelContentFilterError   a filter of the provider refused prompt or reply
        ModelRecallError          recall_only is set, and a request is not on record
      SandboxError                this sandbox is lost
        SandboxStartError         no sandbox can be started on this machine
      LimitExceededError          a limit ended the run; carries the partial answer
        NoAnswerError             the model stopped giving code or an answer
      TraceError                  a trace cannot be written or read

Constructors only store. A message says what could not be done, then the state.
"""

from __future__ import annotations

from pathlib import Path

from rlm_runtime._types import StopReason, Usage


class RLMError(Exception):
    """Base of every error that this package raises on purpose."""

    usage: Usage | None = None
    """What the run had spent when the error ended it; None outside of a run."""
    trace_path: Path | None = None
    """The trace of the run that the error ended, if one was written."""


class ConfigError(RLMError):
    """A setting is missing or makes no sense."""


class InputError(RLMError):
    """The task or the context cannot be read."""


class ModelError(RLMError):
    """The model failed for good."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status, if there was a response."""
        self.retry_after = retry_after
        """Seconds that the endpoint asked to wait, if it said so."""
        self.spent = Usage()
        """What this attempt is known or estimated to have used, though it failed."""


class ModelAuthenticationError(ModelError):
    """The endpoint refused the key."""


class ModelUnavailableError(ModelError):
    """The endpoint cannot be reached, answered 5xx, or its stream broke off."""


class ModelRateLimitError(ModelError):
    """The endpoint asked for fewer calls."""


class ModelReplyError(ModelError):
    """The endpoint answered something that is not a completion."""


class ModelContextWindowError(ModelError):
    """The prompt does not fit into the model's window."""


class ModelContentFilterError(ModelError):
    """A filter of the provider refused the prompt or the reply."""


class ModelRecallError(ModelError):
    """A request is not on record, and `recall_only` lets none be sent; it ends the whole run."""


class SandboxError(RLMError):
    """This sandbox is lost; a new one can take over."""


class SandboxStartError(SandboxError):
    """No sandbox can be started on this machine."""


class LimitExceededError(RLMError):
    """A limit ended the run before there was an answer."""

    def __init__(self, message: str, *, stop_reason: StopReason, partial: object = None) -> None:
        super().__init__(message)
        self.stop_reason = stop_reason
        self.partial = partial
        """The best the run had: what the model said or its code printed last, or None."""


class NoAnswerError(LimitExceededError):
    """The model gave neither code nor an answer, three times in a row, or no whole reply at all."""


class TraceError(RLMError):
    """A trace cannot be written or read."""
