"""The ways in which the loopback server can fail on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

FaultKind = Literal["status", "error_body", "cut", "unfinished", "malformed", "stall"]
"""What goes wrong; `Fault` says how each looks on the wire."""


class Fault(Exception):
    """Raised by a policy, makes the loopback server fail this one request.

    | kind         | what the client gets                                                    |
    |--------------|-------------------------------------------------------------------------|
    | `status`     | `status` and `headers`, with an error body in OpenAI's shape            |
    | `error_body` | the same error body, but under status 200, or inside of the stream      |
    | `cut`        | the connection is closed in the middle of the response                  |
    | `unfinished` | the stream ends in order, but without a finish reason and `[DONE]`      |
    | `malformed`  | JSON that is none                                                       |
    | `stall`      | nothing more, on an open connection, until the client hangs up          |

    Every kind but `status` may come in the middle of a stream: `after_chunks` pieces of `text`
    go out first. With 0, a `cut` and a `stall` send not even the head of a response. A reply that
    is not streamed has no middle: none of `text` goes out, and `unfinished` is a `cut`.
    """

    def __init__(
        self,
        kind: FaultKind = "status",
        *,
        status: int = 500,
        message: str = "a fault on demand",
        headers: Mapping[str, str] | None = None,
        text: str = "",
        after_chunks: int = 0,
    ) -> None:
        """Describe the fault.

        Args:
            kind: What goes wrong.
            status: HTTP status of the kind `status`, else the `code` in the error body.
            message: What the error body says.
            headers: Further headers of the kind `status`, such as `Retry-After`.
            text: The reply that would have been given.
            after_chunks: How many pieces of `text` go out before the fault.
        """
        super().__init__(message)
        self.kind: FaultKind = kind
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.text = text
        self.after_chunks = after_chunks
