"""An OpenAI-compatible server on this machine whose models are Python policies."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import anyio
from anyio.abc import SocketAttribute, SocketStream

from rlm_runtime._groups import unwrapped
from rlm_runtime._llm.scripted import Policy, ScriptedReply, ask
from rlm_runtime._llm.tokens import estimate_prompt_tokens
from rlm_runtime.testing._exchange import Exchange
from rlm_runtime.testing._http import HTTPConnection, HTTPRequest
from rlm_runtime.testing._recorder import RecordedRequest, Recorder, ServerStats
from rlm_runtime.testing._wire import (
    ChatRequest,
    Refusal,
    Reply,
    error_body,
    model_list,
    parse_request,
)
from rlm_runtime.testing.faults import Fault, Faults, find_fault

_HOST = "127.0.0.1"


@asynccontextmanager
async def open_loopback_server(
    policy: Policy | Mapping[str, Policy],
    *,
    latency: float | Callable[[], float] = 0.0,
    port: int = 0,
    api_key: str | None = None,
    chunk_chars: int = 20,
    faults: Faults = (),
) -> AsyncIterator[LoopbackServer]:
    """Serve policies as models, over real HTTP on this machine, for as long as the block runs.

    It serves `POST /v1/chat/completions`, `GET /v1/models` and, for other processes,
    `GET /stats`. Requests are served in parallel on the event loop, so a policy that computes
    for long holds up the others. A policy that raises `Fault` makes this request fail in the
    way that it describes; one that raises anything else is answered with 500. As providers do,
    it cuts a reply that is longer than the request's `max_completion_tokens` or `max_tokens`.

    Args:
        policy: Replies for every model, or the policies by the model's name.
        latency: Seconds until a reply begins, or a function that gives them for each request.
        port: The port to listen on; 0 takes a free one.
        api_key: The bearer token that clients must send, if there is one.
        chunk_chars: Characters of one piece of a streamed reply.
        faults: A fault or None for each request in their order, or a function that is given the
            request and its number from 0. They come before the policy is asked.

    Raises:
        OSError: The port is taken.
        ValueError: `chunk_chars` is less than 1.
    """
    if chunk_chars < 1:
        raise ValueError(f"Cannot send pieces of {chunk_chars!r} characters: it must be 1 or more")
    listener = await anyio.create_tcp_listener(local_host=_HOST, local_port=port)
    server = LoopbackServer(
        policy,
        port=listener.extra(SocketAttribute.local_port),
        latency=latency,
        api_key=api_key,
        chunk_chars=chunk_chars,
        faults=faults,
    )
    with unwrapped():
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server._serve)
            yield server
            tasks.cancel_scope.cancel()


class LoopbackServer:
    """A running server: where it is, and what it was asked."""

    def __init__(
        self,
        policy: Policy | Mapping[str, Policy],
        *,
        port: int,
        latency: float | Callable[[], float],
        api_key: str | None,
        chunk_chars: int,
        faults: Faults,
    ) -> None:
        self._policy = policy
        self._port = port
        self._latency = latency
        self._api_key = api_key
        self._chunk_chars = chunk_chars
        self._faults = faults
        self._recorder = Recorder()

    def __repr__(self) -> str:
        return f"LoopbackServer({self.base_url!r})"

    @property
    def base_url(self) -> str:
        """The URL that an OpenAI client takes as its base."""
        return f"http://{_HOST}:{self._port}/v1"

    @property
    def stats(self) -> ServerStats:
        """What was served so far."""
        return self._recorder.stats

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The latest requests with their messages, oldest first.

        Together their bodies hold up to 64 MiB; older ones are dropped, which shows in
        `stats.requests` being larger than their number. Refused requests are counted there too.
        """
        return self._recorder.requests

    async def wait_idle(self) -> None:
        """Wait until no completion is being served, so that `stats` count what clients left."""
        await self._recorder.wait_idle()

    async def _serve(self, stream: SocketStream) -> None:
        self._recorder.add_connection()
        connection = HTTPConnection(stream)
        try:
            while (request := await connection.read_request()) is not None:
                await self._respond_unless_hangup(connection, request)
                if not connection.start_next_nowait():
                    return
        finally:
            # Shielded, so that a cancelled server leaves no socket behind; it waits for nothing
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    async def _respond_unless_hangup(
        self, connection: HTTPConnection, request: HTTPRequest
    ) -> None:
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                await connection.wait_hangup()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                await self._respond(connection, request)
            except Refusal as refusal:
                body = error_body(refusal.status, refusal.message, refusal.code)
                await connection.send_json(refusal.status, body)
            tasks.cancel_scope.cancel()

    async def _respond(self, connection: HTTPConnection, request: HTTPRequest) -> None:
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                with self._recorder.in_flight(len(request.body)):
                    await self._complete(connection, request)
            case "GET", "/v1/models":
                self._check_key(request)
                await connection.send_json(200, model_list(self._model_names()))
            case "GET", "/stats":
                await connection.send_json(200, asdict(self.stats))
            case method, path:
                raise Refusal(404, f"Unknown request URL: {method} {path}", code="unknown_url")

    async def _complete(self, connection: HTTPConnection, request: HTTPRequest) -> None:
        self._check_key(request)
        chat = parse_request(request.body)
        recorded = RecordedRequest(
            model=chat.model,
            messages=chat.messages,
            stream=chat.stream,
            time=time.time(),
            raw=request.body,
            headers=request.headers,
        )
        number = self._recorder.record(recorded)
        policy = self._policy_of(chat.model)
        with self._recorder.bill(estimate_prompt_tokens(chat.messages)) as bill:
            await anyio.sleep(self._latency() if callable(self._latency) else self._latency)
            exchange = Exchange(connection, chat, bill)
            fault = find_fault(self._faults, number, recorded)
            try:
                script = await _script(policy, chat, fault)
            except Fault as raised:
                fault, script = raised, ScriptedReply(raised.text)
            except Exception as exc:
                bill.waive()
                raise Refusal(500, f"The policy raised {type(exc).__name__}: {exc}") from exc
            reply = Reply(number, chat, script, chunk_chars=self._chunk_chars)
            if fault is None or fault.kind == "slow":
                seconds = script.chunk_seconds if fault is None else fault.seconds
                await exchange.send(reply, replace(script, chunk_seconds=seconds))
            else:
                await exchange.fail(fault, reply)

    def _check_key(self, request: HTTPRequest) -> None:
        sent = request.headers.get("authorization")
        if self._api_key is not None and sent != f"Bearer {self._api_key}":
            raise Refusal(401, "Incorrect API key provided", code="invalid_api_key")

    def _model_names(self) -> list[str]:
        return ["scripted"] if callable(self._policy) else list(self._policy)

    def _policy_of(self, model: str) -> Policy:
        if callable(self._policy):
            return self._policy
        if model not in self._policy:
            message = f"The model {model!r} does not exist"
            raise Refusal(404, message, code="model_not_found")
        return self._policy[model]


async def _script(policy: Policy, chat: ChatRequest, fault: Fault | None) -> ScriptedReply:
    """Get the reply, or what a fault lets through of it; a fault that needs none asks nobody."""
    if fault is None or (not fault.text and (fault.after_chunks or fault.kind == "slow")):
        return await ask(policy, chat.messages)
    return ScriptedReply(fault.text)
