"""Opening a text in the user's editor: a private file, for as long as the editor runs."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

_GRACE_SECONDS = 2.0


def editor_of(environment: Mapping[str, str]) -> list[str]:
    """Name the user's editor and its arguments; empty where none is set, or it makes no sense."""
    told = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        return shlex.split(told)
    except ValueError:
        return []


async def edit(text: str, suffix: str, editor: list[str]) -> int:
    """Show a text in an editor on this terminal, until it is closed; what it saves is thrown away.

    Args:
        text: Whatever it holds: it is written as UTF-8.
        suffix: The ending of the file's name.
        editor: The command; the file's path is its last argument.

    Returns:
        The editor's exit status.

    Raises:
        OSError: The file cannot be written, or the editor cannot be started.
    """
    with TemporaryDirectory(prefix="rlm-view-") as folder:
        path = Path(folder, f"text{suffix}")
        await anyio.to_thread.run_sync(_write, path, text)
        with _interrupts_go_to_the_editor():
            return await _run([*editor, str(path)])


async def _run(command: list[str]) -> int:
    process = await anyio.open_process(command, stdin=None, stdout=None, stderr=None)
    try:
        return await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.terminate()
                with anyio.move_on_after(_GRACE_SECONDS):
                    await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()


def _write(path: Path, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        stream.write(text)


@contextmanager
def _interrupts_go_to_the_editor() -> Iterator[None]:
    """Have Ctrl-C in the editor not end the viewer behind it, nor a run that it shows."""
    # A handler and not SIG_IGN, which the editor would inherit
    before = signal.signal(signal.SIGINT, lambda *_: None)
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    # The loop learns of signals through this file; all others reach it still
    loops = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    loop.add_reader(ours, _pass_on, ours, loops)
    try:
        yield
    finally:
        loop.remove_reader(ours)
        signal.set_wakeup_fd(loops)
        _pass_on(ours, loops)
        ours.close()
        theirs.close()
        signal.signal(signal.SIGINT, before)


def _pass_on(ours: socket.socket, loops: int) -> None:
    with suppress(BlockingIOError):
        other = ours.recv(4096).replace(bytes([signal.SIGINT]), b"")
        if other and loops >= 0:
            os.write(loops, other)
