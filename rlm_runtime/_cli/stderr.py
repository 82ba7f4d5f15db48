"""Messages to the user, which must never end a run that costs money."""

from __future__ import annotations

import os
import sys


def tell(text: str, end: str = "\n") -> None:
    """Write to stderr, if anybody reads it."""
    if sys.stderr is None:  # the process was started with stderr closed
        return
    try:
        sys.stderr.write(f"{text}{end}")
        sys.stderr.flush()
    except OSError:
        # What is left in the buffer would fail again at exit, and spoil the exit status
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)
