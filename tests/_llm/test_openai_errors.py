from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from rlm_runtime._errors import (
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._types import Message, Usage
from rlm_runtime.testing import Fault, FaultKind, open_loopback_server
from tests._llm.raw_server import open_raw_server, response

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-key"
MESSAGES = [Message(role="user", content="hello")]


async def fail(base_url: str, api_key: str | None = KEY) -> ModelError:
    async with open_openai(base_url=base_url, api_key=api_key) as endpoint:
        with pytest.raises(ModelError) as caught:
            await endpoint.model("m").complete(MESSAGES)
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return caught.value


async def fail_by(fault: Fault, api_key: str | None = KEY) -> ModelError:
    def policy(messages: Sequence[Message]) -> str:
        raise fault

    async with open_loopback_server(policy) as server:
        return await fail(server.base_url, api_key)


async def fail_on(body: bytes, status: str = "200 OK", *headers: str) -> ModelError:
    async with open_raw_server(response(body, *headers, status=status)) as server:
        return await fail(server.base_url)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ModelError),
        (400, ModelError),
        (401, ModelAuthenticationError),
        (403, ModelAuthenticationError),
        (404, ModelError),
        (408, ModelUnavailableError),
        (409, ModelUnavailableError),
        (413, ModelContextWindowError),
        (422, ModelError),
        (425, ModelUnavailableError),
        (429, ModelRateLimitError),
        (500, ModelUnavailableError),
        (502, ModelUnavailableError),
        (503, ModelUnavailableError),
        (504, ModelUnavailableError),
        (529, ModelUnavailableError),
    ],
)
async def test_every_status_has_its_error(status: int, kind: type[ModelError]) -> None:
    error = await fail_by(Fault(status=status, message="no way"))
    assert type(error) is kind
    assert error.status == status
    assert str(error).startswith("Cannot complete with 'm' at http://127.0.0.1:")
    assert f"/v1: the endpoint answered {status}" in str(error)
    assert str(error).endswith(": no way")


async def test_a_wrong_key_at_the_server() -> None:
    async with open_loopback_server(lambda _: "", api_key="another") as server:
        refused = await fail(server.base_url)
        without = await fail(server.base_url, api_key=None)
        assert server.stats.requests == 2
    assert isinstance(refused, ModelAuthenticationError)
    assert "401 Unauthorized: Incorrect API key provided" in str(refused)
    assert "401 Unauthorized and no API key was sent: " in str(without)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 2001 00:00:00", 0.0),
        ("Mon, 01 Jan 20010 00:00:00 +99999999999", None),
    ],
)
async def test_retry_after(header: str, seconds: float | None) -> None:
    error = await fail_by(Fault(status=429, headers={"Retry-After": header}))
    assert isinstance(error, ModelRateLimitError)
    assert error.retry_after == seconds


async def test_retry_after_as_a_date_to_come() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await fail_by(Fault(status=429, headers={"Retry-After": date}))
    assert isinstance(error, ModelRateLimitError)
    assert error.retry_after is not None
    assert 55 < error.retry_after <= 60


@pytest.mark.parametrize("status", [408, 500, 503, 529])
async def test_retry_after_of_other_failures(status: int) -> None:
    error = await fail_by(Fault(status=status, headers={"Retry-After-Ms": "250"}))
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after == 0.25


async def test_no_retry_after() -> None:
    error = await fail_by(Fault(status=429))
    assert isinstance(error, ModelRateLimitError)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "too long"}}, "too long"),
        ({"error": "too long"}, "too long"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "too long"}, "too long"),
        ("too long", "too long"),
        ({"error": {"message": " too\r\n\tlong\x1b[31m\x00\x9b "}}, "too long [31m"),
    ],
)
async def test_what_the_endpoint_said_is_told(body: object, said: str) -> None:
    for encoded in {json.dumps(body), body if isinstance(body, str) else json.dumps(body)}:
        error = await fail_on(encoded.encode(), "400 Bad Request")
        assert str(error).endswith(f"/v1: the endpoint answered 400 Bad Request: {said}")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("context_length_exceeded", ModelContextWindowError),
        ("content_filter", ModelContentFilterError),
    ],
)
@pytest.mark.parametrize("under", ["status", "error_body"])
async def test_a_prompt_that_cannot_be_taken_has_its_error(
    code: str, kind: type[ModelError], under: FaultKind
) -> None:
    error = await fail_by(Fault(under, status=400, code=code, message="no way"))
    assert type(error) is kind
    assert str(error).endswith(": no way")
    assert error.spent == Usage()


async def test_a_quota_that_is_used_up_does_not_come_back_by_waiting() -> None:
    fault = Fault(status=429, code="insufficient_quota", message="pay first")
    error = await fail_by(fault)
    assert (type(error), error.status) == (ModelError, 429)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": null}', b"[]"])
async def test_an_endpoint_may_say_nothing(body: bytes) -> None:
    error = await fail_on(body, "599 What")
    assert str(error).endswith("/v1: the endpoint answered 599")


async def test_a_long_message_is_cut() -> None:
    error = await fail_on(b"<p>" + b"word " * 100_000, "500 Internal Server Error")
    assert isinstance(error, ModelUnavailableError)
    assert str(error).endswith("wo…")
    assert len(str(error)) < 400


async def test_a_key_that_the_endpoint_repeats_is_not_told() -> None:
    error = await fail_by(Fault(status=401, message=f"Incorrect API key provided: {KEY}"))
    assert str(error).endswith("Incorrect API key provided: [key]")
    error = await fail_by(Fault("error_body", status=401, message=f"{KEY}?"))
    assert str(error).endswith("with an error: [key]?")
    error = await fail_on(f"<html>{KEY}</html>".encode())
    assert str(error).endswith("<html>[key]</html>")


async def test_an_error_body_that_breaks_off_leaves_the_status() -> None:
    error = await fail_on(b'{"error"', "503 Service Unavailable", "content-length: 100")
    assert isinstance(error, ModelUnavailableError)
    assert error.status == 503


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"code": 429, "message": "m"}, ModelRateLimitError, 429),
        ({"code": "429", "message": "m"}, ModelRateLimitError, 429),
        ({"code": 502, "message": "m"}, ModelUnavailableError, 502),
        ({"code": None, "type": "server_error", "message": "m"}, ModelUnavailableError, 500),
        ({"code": "rate_limit_exceeded", "message": "m"}, ModelRateLimitError, 429),
        ({"code": "invalid_api_key", "message": "m"}, ModelAuthenticationError, 401),
        ({"type": "overloaded_error", "message": "m"}, ModelUnavailableError, 503),
        ({"code": 400, "type": "BadRequestError", "message": "m"}, ModelError, 400),
        ({"code": 7, "type": "mystery", "message": "m"}, ModelReplyError, None),
        ({"message": "m"}, ModelReplyError, None),
        ("m", ModelReplyError, None),
    ],
)
async def test_an_error_under_status_200(
    error: object, kind: type[ModelError], status: int | None
) -> None:
    body = json.dumps({"error": error, "choices": [{"finish_reason": "error"}]}).encode()
    for sent in (body, b'data: {"choices": []}\n\nevent: error\ndata: ' + body + b"\n\n"):
        failure = await fail_on(sent)
        assert (type(failure), failure.status) == (kind, status)
        assert str(failure).endswith(": the endpoint answered with an error: m")


async def test_an_error_without_a_message_under_status_200() -> None:
    assert str(await fail_on(b'{"error": {}}')).endswith("with an error: no message")
    vllm = await fail_on(b'{"object": "error", "message": "m", "code": 400}')
    assert (type(vllm), vllm.status) == (ModelError, 400)


@pytest.mark.parametrize("after_chunks", [0, 1])
@pytest.mark.parametrize(
    ("fault", "kind", "state"),
    [
        ("cut", ModelUnavailableError, "the connection broke off"),
        ("unfinished", ModelUnavailableError, "the stream ended before the reply did"),
        ("malformed", ModelReplyError, "malformed JSON"),
        ("error_body", ModelUnavailableError, "with an error: a fault on demand"),
    ],
)
async def test_faults_of_a_stream(
    fault: str, kind: type[ModelError], state: str, after_chunks: int
) -> None:
    error = await fail_by(Fault(fault, text="x" * 50, after_chunks=after_chunks))  # type: ignore[arg-type]
    assert type(error) is kind
    assert state in str(error)


async def test_a_failed_call_harms_no_other_call() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[-1].content == "fail":
            raise Fault("cut", text="text", after_chunks=1)
        return "fine"

    texts: list[str] = []
    async with (
        open_loopback_server(policy, latency=0.02) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        model = endpoint.model("m")

        async def call(content: str) -> None:
            try:
                texts.append((await model.complete([Message(role="user", content=content)])).text)
            except ModelUnavailableError:
                texts.append("failed")

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(call, "fail" if number % 2 else "work")
    assert sorted(texts) == ["failed"] * 10 + ["fine"] * 10
