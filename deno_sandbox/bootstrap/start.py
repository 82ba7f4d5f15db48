"""Joins the Python side to JavaScript; the one module that needs Pyodide."""

from __future__ import annotations

import asyncio
import builtins
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any

from bootstrap.arrival import Arrival, Copy, Piece
from bootstrap.host import Call, Host
from bootstrap.names import names
from bootstrap.stopping import Stopper, strike

PACKAGES = f"/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
"""Where the packages lie that the user asked for; it is on Python's path."""


def _refuse_input(prompt: object = "") -> str:
    raise EOFError(f"input({prompt!r}): no input")


def _refuse_command(command: object) -> int:
    raise OSError(f"os.system({command!r}): no processes")


def _find_packages() -> list[str]:
    """Name what the user asked for, with versions; importlib.metadata would take 80 ms to load."""
    info = ".dist-info"
    found = sorted(name for name in os.listdir(PACKAGES) if name.endswith(info))
    return [name.removesuffix(info).replace("-", " ") for name in found]


def _refuse_listening(self: object, backlog: int = 0) -> None:
    raise OSError(f"listen({backlog!r}): no network")


async def _wait_for(call: Call) -> Any:
    return await call


def _settle_loop(loop: Any, stopper: Stopper) -> None:
    """Let every awaitable form take a Call, and no task of the code end the loop."""

    def create(coroutine: Coroutine[Any, Any, Any] | Call, **options: Any) -> asyncio.Task[Any]:
        taken = _wait_for(coroutine) if isinstance(coroutine, Call) else coroutine
        return stopper.create_task(taken, **options)

    loop.create_task = create
    loop._keyboard_interrupt_handler = lambda: None
    loop._system_exit_handler = lambda code: None


def _receivers(host: Host, copy: Copy) -> tuple[Any, Any]:
    """Give what takes a message, and what takes the pieces of a payload that comes by itself."""
    arrivals: list[Arrival] = []

    def receive(text: str, payload: Any, size: int | None) -> None:
        if size is not None:
            arrivals.append(Arrival(text, size, copy))
            return
        try:
            data = None if payload is None else payload.to_bytes()
        except MemoryError:
            data = None
        host.receive(text, data)

    def take(piece: Piece) -> None:
        if arrivals[0].take(piece):
            arrived = arrivals.pop()
            host.receive(arrived.text, arrived.payload())

    return receive, take


def start(send: Any, ask: Any, over: Any, copy: Copy) -> Any:
    """Begin, with the functions that reach the main thread.

    Return what takes its messages, what takes the pieces of a payload that comes by itself, and
    what takes the text that JavaScript prints.
    """
    # Not there while the snapshot is built
    from pyodide import ffi

    host = Host(
        lambda text, payload: send(text, ffi.to_js(payload)),
        lambda text, payload, number: ask(text, ffi.to_js(payload), number),
        ffi.run_sync,
        over,
    )
    host.repl.packages = _find_packages()
    for name, value in names(host).items():
        host.repl.provide(name, value)
    # A snapshot holds the random state and the environment of the machine that made it
    random.seed()
    os.environ.clear()
    os.environ.update(HOME="/home/pyodide", LANG="C.UTF-8", TZ="UTC")
    sys.path.append("/lib/tzdata.zip")
    sys.stdout, sys.stderr = host.stdout, host.stderr
    builtins.input = _refuse_input
    # The real ones are fatal here: JavaScript refuses them, inside of a system call
    os.system = _refuse_command
    os.getuid = lambda: 0
    socket.socket.listen = _refuse_listening  # type: ignore[method-assign]
    # The event loop stands still during the real one
    time.sleep = lambda seconds: host.stopper.wait(asyncio.sleep(float(seconds)))
    ffi.run_sync = host.stopper.wait
    signal.signal(signal.SIGINT, strike)
    _settle_loop(host.loop, host.stopper)
    host.announce()
    return ffi.to_js((*_receivers(host, copy), host.stderr.write))
