"""What a trace, which a stranger may have written, can make `rlm resume` do."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import anyio
import pytest

from rlm_runtime._cli import main
from rlm_runtime._events import ModeChosen
from rlm_runtime._trace.writer import open_trace_writer
from tests._cli.events import run_started

KEY = "sk-of-the-user"


class Endpoint(ThreadingHTTPServer):
    """Takes what it is sent, and refuses."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.keys: list[str | None] = []
        self.bodies: list[str] = []


class _Refusal(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("RLM_"):
            monkeypatch.delenv(name)
    for name in ("OPENAI_API_KEY", "HUGGINGFACE_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, KEY)


def trace(folder: Path, **settings: object) -> str:
    """Write the trace of a run that was killed before its first request."""

    async def write() -> Path:
        async with open_trace_writer(folder, "r1") as writer:
            started = replace(run_started(), query_ref=await writer.keep("How many?"))
            writer.write(replace(started, settings=json.dumps(settings)))
            writer.write(ModeChosen(seq=1, mode="direct", reason="asked"))
            return writer.path

    return str(anyio.run(write))


def resume(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *args: str
) -> tuple[object, str]:
    """Give the exit status and stderr."""
    monkeypatch.setattr(sys, "argv", ["rlm", "resume", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code, capfd.readouterr().err


@pytest.mark.parametrize("place", ["run", "model"])
def test_no_key_goes_to_an_endpoint_that_only_the_trace_names(
    place: str,
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings: dict[str, object] = {"model": {"name": "m"}, "base_url": endpoint.url}
    if place == "model":
        settings = {"model": {"name": "m", "base_url": endpoint.url}}
    path = trace(tmp_path, **settings)
    status, stderr = resume(monkeypatch, capfd, path)
    assert (status, endpoint.keys) == (20, [None])
    assert f"The key is not sent to {endpoint.url}" in stderr
    status, stderr = resume(monkeypatch, capfd, path)
    assert endpoint.keys == [None, None]
    status, stderr = resume(monkeypatch, capfd, path, "--base-url", endpoint.url)
    assert (status, endpoint.keys[2:]) == (20, [f"Bearer {KEY}"])
    assert "not sent" not in stderr


def test_no_file_is_read_that_the_trace_names(
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "id").write_text("of the user alone")
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "direct.md").symlink_to(tmp_path / "id")
    path = trace(tmp_path, model={"name": "m"}, base_url=endpoint.url, prompts=str(prompts))
    _, stderr = resume(monkeypatch, capfd, path)
    assert len(endpoint.bodies) == 1
    assert "of the user alone" not in endpoint.bodies[0]
    assert f"The run had --prompts {prompts}" in stderr
    resume(monkeypatch, capfd, path, "--prompts", str(prompts))
    assert "of the user alone" in endpoint.bodies[1]


@pytest.mark.parametrize("place", ["root", "sub", "alias", "joined"])
def test_no_model_of_a_trace_is_an_address(
    place: str,
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = {"name": f"huggingface/{endpoint.url}"}
    places: dict[str, dict[str, object]] = {
        "root": {"model": model},
        "sub": {"sub_models": [model]},
        "alias": {"models": {"a": model}},
        "joined": {"models": {f"a={model['name']}": {"name": "m"}}},
    }
    settings = {"model": {"name": "m"}, "base_url": endpoint.url} | places[place]
    path = trace(tmp_path, **settings)
    used: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "rlm_runtime._rlm.RLM.__init__",
        lambda _, model, *, sub_model, models, **others: used.append((model, sub_model, models)),
    )
    _, stderr = resume(monkeypatch, capfd, path)
    assert "huggingface" not in repr(used)
    assert ("no model is configured" in stderr) == (place == "root")
    assert bool(used) == (place != "root")


def test_recorded_price_of_a_model_that_is_not_used_any_more_is_left_out(
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = {"name": "m", "price": {"prompt": 1.0, "completion": 2.0}}
    path = trace(tmp_path, model=model, base_url=endpoint.url)
    status, stderr = resume(monkeypatch, capfd, path, "-m", "other", "--max-cost", "1")
    assert (status, endpoint.bodies) == (11, []), stderr
    assert "price" in stderr and "option names" not in stderr
    status, _ = resume(monkeypatch, capfd, path, "-m", "other")
    assert (status, len(endpoint.bodies)) == (20, 1)
    path = trace(tmp_path / "again", model=model, base_url=endpoint.url)
    status, _ = resume(monkeypatch, capfd, path, "--max-cost", "1")
    assert (status, len(endpoint.bodies)) == (20, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"name": "m\ud800"}},
        {"model": {"name": " m "}},
        {"model": {"name": "m", "price": {"prompt": math.nan, "completion": 1}}},
        {"model": {"name": "m", "price": {"prompt": 10**400, "completion": 1}}},
        {"model": {"name": "m", "price": {"completion": 1}}},
        {"models": {"": {"name": "m"}, " ": {"name": "m"}, "\ud800": {"name": "m"}}},
        {"base_url": "http://a.example/\ud800"},
        {"model": ["m"], "sub_models": {"a": 1}, "models": ["m"], "packages": "a", "base_url": 7},
    ],
)
def test_settings_that_make_no_sense_are_left_out(
    settings: dict[str, object],
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = trace(tmp_path, **settings)
    model = () if settings.get("model") == {"name": " m "} else ("-m", "m")
    status, stderr = resume(monkeypatch, capfd, path, *model, "--base-url", endpoint.url)
    assert (status, len(endpoint.bodies)) == (20, 1), stderr


def test_a_run_that_asked_no_model_does_not_begin_to_by_being_resumed(
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = trace(tmp_path, model={"name": "m"}, recall_only=True)
    status, stderr = resume(monkeypatch, capfd, path, "--base-url", endpoint.url)
    assert (status, endpoint.bodies) == (2, [])
    assert "name what it recalls from with --recall RUN" in stderr
