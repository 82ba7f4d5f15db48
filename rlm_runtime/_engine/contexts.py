"""What a context asks of a sandbox: that it can be sent there, and has the memory it needs."""

from __future__ import annotations

import anyio.to_thread

from rlm_runtime._describe import approximate_bytes
from rlm_runtime._errors import InputError
from rlm_runtime._limits import Limits
from rlm_runtime._values import UnsendableError, encode

# A text arrives in once its own memory, a value of many small parts in up to four times
_MEMORY_PER_CONTEXT = 4
_MOST_MEMORY_MB = 4096


def memory_for(context: object, limits: Limits) -> int:
    """Give Python what the limit says, or what the context needs with room to work, in MiB."""
    needed = 256 + (_MEMORY_PER_CONTEXT * approximate_bytes(context) >> 20)
    return min(_MOST_MEMORY_MB, max(limits.max_memory_mb, needed))


async def check_sendable(context: object) -> None:
    """See that a context can be sent to a sandbox.

    Raises:
        InputError: It cannot.
    """
    if isinstance(context, str | bytes):
        return
    try:
        await anyio.to_thread.run_sync(encode, context)
    except UnsendableError as exc:
        raise InputError(f"Cannot use this context: {exc}") from exc
