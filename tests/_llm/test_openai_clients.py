"""Proxies and certificates of the environment, on the way to an endpoint."""

from __future__ import annotations

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime.testing import open_loopback_server
from tests._llm.raw_server import open_raw_server, response
from tests._llm.test_openai import WHOLE, complete, echo

pytestmark = pytest.mark.anyio


def set_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name.lower(), "" if name == "NO_PROXY" else url)


async def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    set_proxy(monkeypatch, "http://127.0.0.1:1")
    async with open_loopback_server(echo) as server:
        for host in ("127.0.0.1", "localhost"):
            url = server.base_url.replace("127.0.0.1", host)
            assert (await complete(url)).text == "hello"


async def test_other_hosts_are_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_raw_server(response(WHOLE)) as proxy:
        set_proxy(monkeypatch, f"http://127.0.0.1:{proxy.port}")
        assert (await complete("http://models.invalid/v1")).text == "hi"
    assert proxy.requests[0].startswith(b"POST http://models.invalid/v1/chat/completions ")


async def test_a_proxy_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    set_proxy(monkeypatch, "gopher://127.0.0.1:1")
    with pytest.raises(ConfigError, match="Cannot use the proxy .*gopher"):
        await complete("http://models.invalid/v1")


async def test_certificates_that_are_not_there_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(ConfigError, match="certificates that the environment names"):
        await complete("https://models.invalid/v1")
