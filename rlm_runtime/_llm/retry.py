"""Whether a model call that failed is tried again, and after how long. No I/O, no clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from rlm_runtime._errors import (
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)

_FEW_ATTEMPTS = 4
# Too many requests, unavailable, and Anthropic's overloaded
_CONGESTED = (429, 503, 529)
_OURS = (
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how long and how widely spread a call is tried again."""

    attempts: int
    """Attempts at one call, the first included."""
    max_retry_seconds: float | None
    """Seconds after the first failure in which a further attempt may begin; None for no end."""
    base_seconds: float = 0.5
    """The longest first wait without a word of the endpoint; each further one is twice as long."""
    cap_seconds: float = 30.0
    """The longest of them all."""
    random: Callable[[], float] = field(default=random.random, repr=False)
    """Gives a number from 0 to 1."""

    def next_wait(
        self, error: ModelError, attempt: int, waited: float, *, answered: bool = True
    ) -> float | None:
        """Tell how many seconds to wait before the next attempt; None if there is to be none.

        Args:
            error: How this attempt failed.
            attempt: Its number, from 1.
            waited: Seconds spent since the first attempt failed.
            answered: Whether the model has ever answered; one that has will hardly be a wrong
                address, so that it is worth more patience.
        """
        left = self._left(waited)
        asked = error.retry_after or 0.0
        if attempt >= self._attempts_for(error, answered) or left <= 0 or asked > left:
            return None
        # Full jitter, so that calls that failed together do not come back together
        longest = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 64))
        return min(asked + self.random() * longest, left)

    def explain_end(self, error: ModelError, attempt: int, seconds: float, waited: float) -> str:
        """Say what the failure alone does not tell of why there is no further attempt."""
        told = f"{attempt} attempts in {seconds:.1f} s" if attempt > 1 else ""
        asked, left = error.retry_after, max(0.0, self._left(waited))
        if self._attempts_for(error, True) > 1 and asked is not None and asked > left:
            longer = f"it asks to wait {asked:g} s, longer than max_retry_seconds allows"
            told = f"{told}; {longer}" if told else longer
        return told

    def _left(self, waited: float) -> float:
        return float("inf") if self.max_retry_seconds is None else self.max_retry_seconds - waited

    def _attempts_for(self, error: ModelError, answered: bool) -> int:
        """Give how many attempts make sense; the class of an error tells, as `LLM` says."""
        match error:
            case ModelRateLimitError():
                return self.attempts
            case ModelUnavailableError(status=status) if status is not None or answered:
                return self.attempts
            case ModelUnavailableError() | ModelReplyError():
                return min(self.attempts, _FEW_ATTEMPTS)
            case _:
                return 1


def is_congested(error: ModelError) -> bool:
    """Tell whether a failure means that the endpoint got too many calls at once."""
    return isinstance(error, ModelRateLimitError) or error.status in _CONGESTED


def restate(error: ModelError, told: str) -> ModelError:
    """Make the same error with something more to tell; the old one may be raised again."""
    kind = next((kind for kind in _OURS if isinstance(error, kind)), ModelError)
    restated = kind(f"{error} ({told})", status=error.status, retry_after=error.retry_after)
    restated.spent = error.spent
    return restated
