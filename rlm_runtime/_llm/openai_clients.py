"""The connections to an OpenAI-compatible endpoint."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

import httpx

from rlm_runtime._errors import ConfigError

_IDLE_CONNECTION_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long and how large a call may become."""

    connect_seconds: float
    first_token_seconds: float
    stall_seconds: float
    reply_bytes: int


class Clients:
    """Clients that serve one call at a time each, so that each holds one connection.

    One client for all would do, but its pool compares every pair of its connections for every
    request: with 200 of them a call took 30 ms of processor time.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client
        self._all = [open_client()]
        self._free = self._all.copy()

    @contextmanager
    def borrow(self) -> Iterator[httpx.AsyncClient]:
        """Lend the client that was used last, as its connection is the likeliest to be open."""
        client = self._free.pop() if self._free else self._add()
        try:
            yield client
        finally:
            self._free.append(client)

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._all:
            await client.aclose()

    def _add(self) -> httpx.AsyncClient:
        client = self._open_client()
        self._all.append(client)
        return client


@asynccontextmanager
async def open_clients(
    url: httpx.URL, headers: dict[str, str], bounds: Bounds
) -> AsyncIterator[Clients]:
    """Open connections as they are needed, and close them all at the end.

    Raises:
        ConfigError: A proxy or the certificates of the environment cannot be used.
    """
    # Reading has limits of its own, which know a token from a comment
    timeouts = httpx.Timeout(bounds.stall_seconds, connect=bounds.connect_seconds, read=None)
    try:
        # Loading the certificates takes 20 ms, and plain HTTP needs none
        tls = (
            httpx.create_ssl_context() if url.scheme == "https" else SSLContext(PROTOCOL_TLS_CLIENT)
        )
        clients = Clients(
            lambda: httpx.AsyncClient(
                headers=headers,
                timeout=timeouts,
                verify=tls,
                trust_env=not _is_this_machine(url.host),
                limits=httpx.Limits(keepalive_expiry=_IDLE_CONNECTION_SECONDS),
            )
        )
    except httpx.InvalidURL:
        # What it says of a part may be a piece of a password
        raise ConfigError("Cannot use a proxy that the environment names: it is no URL") from None
    except (ImportError, OSError, ValueError) as exc:
        raise ConfigError(
            f"Cannot use the proxy or the certificates that the environment names: {exc}"
        ) from exc
    async with aclosing(clients):
        yield clients


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
