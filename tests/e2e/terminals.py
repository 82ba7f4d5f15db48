"""Programs on a real terminal: a pseudo-terminal whose other end is driven by a test."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.test_cli import environment

SEQUENCE = re.compile(r"\x1b\[[0-9;?<>$]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>()]\w?")
MODES = ("1049", "1000", "1003", "1004", "1006", "2004")
"""What the viewer switches on: the other screen, the mouse, the focus, pastes."""


@dataclass
class TerminalProgram:
    """A program on a terminal of its own."""

    process: subprocess.Popen[bytes]
    fd: int
    """The end of the terminal that a user has."""
    other: int
    """The end that the program has, to see its modes."""
    modes: list[object]
    """What the terminal was set to before."""
    said: bytes = b""
    _from: int = field(default=0)

    @property
    def text(self) -> str:
        """Give all that was written, without what only moves and colours."""
        return SEQUENCE.sub("", self.said.decode("utf-8", "replace"))

    def press(self, keys: str) -> None:
        """Type something, and forget what was said before as far as `wait_for` goes."""
        self._from = len(self.said)
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self._from = len(self.said)
        fcntl.ioctl(self.other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # It is nobody's controlling terminal, so the kernel tells nobody
        self.process.send_signal(signal.SIGWINCH)

    def wait_row(self, row: int, *, seconds: float = 50) -> None:
        """Wait until a row has been written to since the last key."""
        until = time.monotonic() + seconds
        while b"\x1b[%d;" % row not in self.said[self._from :]:
            assert time.monotonic() < until, f"nothing in row {row}"
            self._read()

    def stall(self, key: str) -> None:
        """Take nothing any more, while a key is pressed so often that much is to be drawn."""
        termios.tcflow(self.other, termios.TCOOFF)
        for _ in range(100):
            os.write(self.fd, key.encode())
            # So far apart that each is drawn by itself
            time.sleep(0.03)

    def wait_for(self, text: str, *, seconds: float = 50) -> None:
        """Wait until a text has been written since the last key."""
        until = time.monotonic() + seconds
        while text not in SEQUENCE.sub("", self.said[self._from :].decode("utf-8", "replace")):
            assert time.monotonic() < until, f"no {text!r} in {self.text[-3000:]!r}"
            self._read()

    def wait_end(self, *, seconds: float = 50) -> int:
        """Wait until the program has ended; give its status."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, f"it did not end: {self.text[-3000:]!r}"
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Tell whether the terminal is set as it was before."""
        return list(termios.tcgetattr(self.other)) == self.modes and not self.switched_on()

    def switched_on(self) -> list[str]:
        """Name the modes that were switched on last, and the cursor if it is hidden."""
        on = []
        for mode in MODES:
            changes = re.findall(rb"\x1b\[\?" + mode.encode() + rb"([hl])", self.said)
            on += [mode] if changes[-1:] == [b"h"] else []
        cursor = re.findall(rb"\x1b\[\?25([hl])", self.said)
        return [*on, "cursor"] if cursor[-1:] == [b"l"] else on

    def _read(self) -> bool:
        if not select.select([self.fd], [], [], 0.05)[0]:
            return False
        data = os.read(self.fd, 65_536)
        self.said += data
        return bool(data)


@contextmanager
def on_terminal(
    folder: Path,
    *args: str,
    size: tuple[int, int] = (120, 40),
    stdout: int | None = None,
    start: tuple[str, ...] = ("-m", "rlm_runtime"),
    variables: Mapping[str, str] | None = None,
) -> Iterator[TerminalProgram]:
    """Run a command on a terminal for the length of the block, in a session of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    modes = list(termios.tcgetattr(theirs))
    process = subprocess.Popen(
        [sys.executable, *start, *args],
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        cwd=folder,
        env={**environment(folder), "TERM": "xterm-256color", **(variables or {})},
        start_new_session=True,
    )
    program = TerminalProgram(process, ours, theirs, modes)
    try:
        yield program
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
