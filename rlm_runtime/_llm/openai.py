"""Models behind an OpenAI-compatible endpoint, through httpx.

Every call streams. Nothing is retried here, so that limits see every attempt.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

import anyio
import httpx

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.caching import cached_messages, style_of
from rlm_runtime._llm.openai_errors import ModelErrors
from rlm_runtime._llm.openai_reply import ReplyReader
from rlm_runtime._models import ModelInfo
from rlm_runtime._types import Completion, Message

_PATH = "/chat/completions"
_IDLE_CONNECTION_SECONDS = 30.0
_AFTER_DONE_SECONDS = 0.5
_ERROR_BODY_SECONDS = 5.0
_ERROR_BODY_BYTES = 64 * 1024
_MIB = 1024 * 1024


@asynccontextmanager
async def open_openai(
    *,
    base_url: str,
    api_key: str | None,
    connect_seconds: float = 10.0,
    stall_seconds: float = 120.0,
    max_reply_bytes: int = 64 * _MIB,
) -> AsyncIterator[OpenAIEndpoint]:
    """Open a pool of connections to an OpenAI-compatible endpoint.

    Proxies of the environment are used, but never for an address of this machine.

    Args:
        base_url: Where `/chat/completions` lies, such as `https://api.openai.com/v1`.
        api_key: Sent as a bearer token, if there is one.
        connect_seconds: How long connecting may take.
        stall_seconds: How long the endpoint may send nothing, before its first byte or later.
        max_reply_bytes: How large a response may be, the frames of its stream included.

    Raises:
        ConfigError: The URL, the key or a proxy of the environment cannot be used.
    """
    url = _completions_url(base_url)
    key = _clean_key(api_key)
    headers = {
        "user-agent": "rlm-pyodide",
        "content-type": "application/json",
        # Compression would hold back the pieces of a stream
        "accept-encoding": "identity",
    }
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    timeouts = httpx.Timeout(stall_seconds, connect=connect_seconds)
    async with _open_clients(url, headers, timeouts) as clients:
        yield OpenAIEndpoint(clients, url=url, api_key=key, max_reply_bytes=max_reply_bytes)


class OpenAIEndpoint:
    """One endpoint; its models share one pool of connections."""

    def __init__(
        self,
        clients: _Clients,
        *,
        url: httpx.URL,
        api_key: str | None,
        max_reply_bytes: int,
    ) -> None:
        self._clients = clients
        self._url = url
        self._api_key = api_key
        self._max_reply_bytes = max_reply_bytes

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({_public(self._url)!r})"

    def model(self, name: str) -> LLM:
        """Give one model of the endpoint, by the name that the endpoint knows."""
        errors = ModelErrors(model=name, url=_public(self._url), api_key=self._api_key)
        return _OpenAIModel(self._clients, self._url, errors, self._max_reply_bytes)


class _OpenAIModel:
    """One model at one endpoint."""

    def __init__(
        self, clients: _Clients, url: httpx.URL, errors: ModelErrors, max_reply_bytes: int
    ) -> None:
        self._clients = clients
        self._url = url
        self._errors = errors
        self._max_reply_bytes = max_reply_bytes

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r}, {self._errors.url!r})"

    @property
    def name(self) -> str:
        return self._errors.model

    @property
    def info(self) -> ModelInfo:
        return ModelInfo()

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        started = anyio.current_time()
        reader = ReplyReader(self._errors, max_bytes=self._max_reply_bytes)
        body = _encode(self.name, messages, self._errors.url)
        try:
            with self._clients.borrow() as client:
                async with client.stream("POST", self._url, content=body) as response:
                    if not response.is_success:
                        said = await _read_error_body(response)
                        raise self._errors.status(response.status_code, response.headers, said)
                    first = await _read_reply(response, reader)
        except httpx.DecodingError as exc:
            raise self._errors.reply(f"the response cannot be decoded: {exc}") from exc
        except httpx.HTTPError as exc:
            raise self._errors.unavailable(self._reason(exc)) from exc
        return reader.finish(messages, first=None if first is None else first - started)

    def _reason(self, exc: httpx.HTTPError) -> str:
        timeouts = self._clients.timeouts
        match exc:
            case httpx.ConnectTimeout():
                return f"no connection within {timeouts.connect:g} s"
            case httpx.TimeoutException():
                return f"the endpoint stalled: nothing came or went for {timeouts.read:g} s"
            case httpx.ConnectError():
                return f"no connection: {exc}"
            case _:
                return f"the connection broke off: {exc or type(exc).__name__}"


class _Clients:
    """Clients that serve one call at a time each, so that each holds one connection.

    One client for all would do, but its pool compares every pair of its connections for every
    request: with 200 of them a call took 30 ms of processor time.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client
        self._all = [open_client()]
        self._free = self._all.copy()
        self.timeouts = self._all[0].timeout

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
async def _open_clients(
    url: httpx.URL, headers: dict[str, str], timeouts: httpx.Timeout
) -> AsyncIterator[_Clients]:
    try:
        # Loading the certificates takes 20 ms, and plain HTTP needs none
        tls = (
            httpx.create_ssl_context() if url.scheme == "https" else SSLContext(PROTOCOL_TLS_CLIENT)
        )
        clients = _Clients(
            lambda: httpx.AsyncClient(
                headers=headers,
                timeout=timeouts,
                verify=tls,
                trust_env=not _is_this_machine(url.host),
                limits=httpx.Limits(keepalive_expiry=_IDLE_CONNECTION_SECONDS),
            )
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as exc:
        raise ConfigError(
            f"Cannot use the proxy or the certificates that the environment names: {exc}"
        ) from exc
    async with aclosing(clients):
        yield clients


async def _read_reply(response: httpx.Response, reader: ReplyReader) -> float | None:
    """Feed the response to the reader; return when the first piece of the reply came."""
    first: float | None = None
    with anyio.CancelScope() as scope:
        try:
            async for chunk in response.aiter_bytes():
                reader.feed(chunk)
                if first is None and reader.has_text:
                    first = anyio.current_time()
                # The connection can serve again only when the body was read to its end
                if reader.is_done and scope.deadline == math.inf:
                    scope.deadline = anyio.current_time() + _AFTER_DONE_SECONDS
        except httpx.TransportError:
            # What is lost after the last piece of the reply is its usage, which has an estimate
            if not reader.is_whole:
                raise
    return first


async def _read_error_body(response: httpx.Response) -> bytes:
    body = b""
    with anyio.move_on_after(_ERROR_BODY_SECONDS):
        try:
            async for chunk in response.aiter_bytes():
                body += chunk[:_ERROR_BODY_BYTES]
                if len(body) >= _ERROR_BODY_BYTES:
                    break
        except httpx.HTTPError:
            # The status alone says enough
            return body
    return body


def _encode(model: str, messages: Sequence[Message], base_url: str) -> bytes:
    body = {
        "model": model,
        "messages": cached_messages(messages, style_of(model, base_url)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    # ASCII escapes carry lone surrogates, which UTF-8 cannot
    return json.dumps(body, ensure_ascii=True).encode("ascii")


def _completions_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL as exc:
        raise ConfigError(f"Cannot use the base URL: {exc}") from exc
    if url.scheme not in ("http", "https") or not url.host:
        # The rest of such a URL may well be a secret that was put into the wrong place
        raise ConfigError(
            f"Cannot use a base URL of the scheme {url.scheme!r}: "
            "it must start with http:// or https://"
        )
    path = url.path.rstrip("/").removesuffix(_PATH).rstrip("/")
    return url.copy_with(path=path + _PATH)


def _public(url: httpx.URL) -> str:
    """Spell the base URL without the parts that can hold a secret."""
    shown = url.copy_with(userinfo=b"", query=None, fragment=None)
    return str(shown).removesuffix(_PATH)


def _clean_key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if not all("!" <= char <= "~" for char in key):
        raise ConfigError("Cannot use the API key: it holds a character that no header may carry")
    return key or None


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
