"""litellm itself: imported late and in silence; the clients it makes belong to a block of ours.

litellm keeps its HTTP clients for the whole process, by event loop at best, and never closes them
while it runs. So its cache of them is put behind one that asks whose call this is: what a call of
ours makes goes to the block that the call belongs to, and everybody else's stays where it was.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import anyio

_CLOSE_SECONDS = 2.0
_ENVIRONMENT = {
    # Both are fetched from the network otherwise, at import and at the first call
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    # In the mode DEV it reads a .env file into the environment
    "LITELLM_MODE": "PRODUCTION",
}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")

_lock = threading.Lock()
_litellm: ModuleType | None = None
_block: ContextVar[Clients | None] = ContextVar("litellm_clients", default=None)


def load_litellm() -> ModuleType:
    """Import litellm, once, and make it quiet; this takes seconds, so call it in a thread.

    Raises:
        ImportError: It cannot be imported.
    """
    global _litellm
    with _lock:
        if _litellm is None:
            is_ours = "litellm" not in sys.modules
            for name, value in _ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            # A module's type knows none of its attributes, which are set below
            module: Any = _import_fast("litellm")
            if is_ours:
                _silence(module)
            # Else it would print advice on stdout with each error
            module.suppress_debug_info = True
            _own_clients(module)
            _litellm = module
        return _litellm


class Clients:
    """The HTTP clients that litellm has made for the calls of one block."""

    def __init__(self) -> None:
        self._by_key: dict[str, object] = {}
        self._made: list[object] = []

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let litellm find and leave its clients here, in this task and its threads."""
        token = _block.set(self)
        try:
            yield
        finally:
            _block.reset(token)

    def get(self, key: str) -> object:
        """Give the client of a key; None if there is none yet."""
        return self._by_key.get(key)

    def add(self, key: str, client: object) -> None:
        """Keep a client; two threads may have made one for the same key."""
        self._by_key[key] = client
        self._made.append(client)

    async def aclose(self) -> None:
        """Close all connections."""
        self._by_key.clear()
        while self._made:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_SECONDS):
                await _close(self._made.pop())


async def _close(client: Any) -> None:  # of httpx, of the SDKs, or of litellm: told by its methods
    # litellm's handlers open another client once theirs is closed, unless it was given to them
    inner = getattr(client, "client", None)
    close = getattr(client, "aclose", None) or getattr(client, "close", None)
    if close is None:
        return
    try:
        closing = close()
        if inspect.isawaitable(closing):
            await closing
        if inner is not None:
            client.client = inner
    except Exception:
        # A connection that cannot be closed in order is gone as well
        return


class _ClientCache:
    """Stands in front of litellm's cache of clients."""

    def __init__(self, shared: Any) -> None:  # litellm's own, which has no protocol
        self._shared = shared

    def get_cache(self, key: str, **options: object) -> object:
        block = _block.get()
        return self._shared.get_cache(key, **options) if block is None else block.get(key)

    def set_cache(self, key: str, value: object, **options: object) -> None:
        block = _block.get()
        if block is None:
            self._shared.set_cache(key, value, **options)
        else:
            block.add(key, value)

    def __getattr__(self, name: str) -> object:
        return getattr(self._shared, name)


class _ModuleClient:
    """Stands in front of the one client that litellm shares among providers and event loops."""

    def __init__(self, shared: object, open_client: Callable[..., object]) -> None:
        self._shared = shared
        self._open_client = open_client

    def __getattr__(self, name: str) -> object:
        if _block.get() is None:
            return getattr(self._shared, name)
        return getattr(self._open_client(llm_provider="module_level"), name)


def _import_fast(name: str) -> ModuleType:
    """Import what has thousands of modules; none of what that makes is garbage.

    Collecting it, again and again, would be a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if was_enabled:
            gc.enable()


def _own_clients(module: Any) -> None:
    handlers = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    module.in_memory_llm_clients_cache = _ClientCache(module.in_memory_llm_clients_cache)
    module.module_level_aclient = _ModuleClient(
        module.module_level_aclient, handlers.get_async_httpx_client
    )


def _silence(module: Any) -> None:
    """Keep what litellm logs, which may hold messages, off stderr."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    module.set_verbose = False
