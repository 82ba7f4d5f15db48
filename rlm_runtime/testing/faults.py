"""The ways in which the loopback server can fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from rlm_runtime.testing._recorder import RecordedRequest

FaultKind = Literal[
    "status", "error_body", "cut", "unfinished", "malformed", "empty", "stall", "slow"
]
"""What goes wrong; `Fault` says how each looks on the wire."""


class Fault(Exception):
    """Makes the loopback server fail one request: given in `faults`, or raised by a policy.

    | kind         | what the client gets                                                    |
    |--------------|-------------------------------------------------------------------------|
    | `status`     | `status` and `headers`, with an error body in OpenAI's shape            |
    | `error_body` | the same error body, but under status 200, or inside of the stream      |
    | `cut`        | the connection is closed in the middle of the response                  |
    | `unfinished` | the stream ends in order, but without a finish reason and `[DONE]`      |
    | `malformed`  | JSON that is none                                                       |
    | `empty`      | a response in order, with its usage, but without any choice             |
    | `stall`      | nothing more, on an open connection, until the client hangs up          |
    | `slow`       | the whole reply, but `seconds` between two pieces                       |

    Every kind but `status`, `empty` and `slow` may come in the middle of a stream: `after_chunks`
    pieces of `text` go out first. With 0, a `cut` and a `stall` send not even the head of a
    response, but for `after_head`. A reply that is not streamed has no middle: none of `text`
    goes out, and `unfinished` is a `cut`.
    """

    def __init__(
        self,
        kind: FaultKind = "status",
        *,
        status: int = 500,
        message: str = "a fault on demand",
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | timedelta | None = None,
        text: str = "",
        after_chunks: int = 0,
        after_head: bool = False,
        seconds: float = 0.1,
    ) -> None:
        """Describe the fault.

        Args:
            kind: What goes wrong.
            status: HTTP status of the kind `status`.
            message: What the error body says.
            code: The `code` in the error body; None: the status.
            headers: Further headers of the kind `status`.
            retry_after: Its `Retry-After`: a number is sent as seconds, a timedelta as the date
                that it will be then, which HTTP has in whole seconds.
            text: The reply that would have been given; empty: the policy's, if it can be asked.
            after_chunks: How many pieces of the reply go out before the fault.
            after_head: Whether the head of a streamed response goes out before the fault.
            seconds: Pause between two pieces of a `slow` reply.
        """
        super().__init__(message)
        self.kind: FaultKind = kind
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        self.retry_after = retry_after
        self.text = text
        self.after_chunks = after_chunks
        self.after_head = after_head
        self.seconds = seconds

    def response_headers(self) -> dict[str, str]:
        """Give the headers of a response that goes out now."""
        match self.retry_after:
            case None:
                return self.headers
            case timedelta() as delta:
                told = format_datetime(datetime.now(UTC) + delta, usegmt=True)
            case seconds:
                told = f"{seconds:g}"
        return {**self.headers, "retry-after": told}


Faults = Sequence[Fault | None] | Callable[[int, RecordedRequest], Fault | None]
"""The faults of the requests in their order, or a function of a request and its number from 0."""


def find_fault(faults: Faults, number: int, request: RecordedRequest) -> Fault | None:
    """Give the fault of a request; a sequence that has ended has no more."""
    if callable(faults):
        return faults(number, request)
    return faults[number] if number < len(faults) else None
