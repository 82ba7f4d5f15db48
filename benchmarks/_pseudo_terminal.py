"""A program on a terminal of its own, and when it wrote what."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from select import select

import psutil

_GRACE_SECONDS = 5.0


@dataclass(slots=True)
class Terminal:
    """What a program wrote so far."""

    process: psutil.Process
    fd: int
    started: float
    written: bytearray = field(default_factory=bytearray)

    def read_until(self, text: bytes, seconds: float) -> float:
        """Wait until a text has been written; give the seconds since the program started.

        Raises:
            TimeoutError: It was not written in time.
        """
        end = time.monotonic() + seconds
        while text not in self.written:
            ready, _, _ = select([self.fd], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"Cannot find {text!r} on the screen")
            self.written += os.read(self.fd, 65536)
        return time.monotonic() - self.started

    def press(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self.fd, keys)


@contextmanager
def open_terminal(command: Sequence[str], size: tuple[int, int]) -> Iterator[Terminal]:
    """Run a program on a terminal of so many columns and lines, for the length of the block."""
    fd, program_fd = pty.openpty()
    columns, lines = size
    fcntl.ioctl(program_fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    started = time.monotonic()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        command,
        stdin=program_fd,
        stdout=program_fd,
        stderr=program_fd,
        env=environment,
        start_new_session=True,
    )
    os.close(program_fd)
    try:
        yield Terminal(psutil.Process(process.pid), fd, started)
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(fd)
