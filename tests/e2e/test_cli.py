"""`rlm run` as its users start it: exit statuses, Ctrl-C, and what `kill -9` leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import psutil
import pytest

from rlm_runtime import Event, Message, read_trace
from rlm_runtime._events import CodeStarted, RunEnded, RunStarted
from rlm_runtime._trace.places import list_runs
from rlm_runtime.testing import LoopbackServer, open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

ROOT = Path(__file__).parent.parent.parent
ADD = repl("FINAL({'sum': int(context) + 1})")
SPIN = repl("print('spinning')\nwhile True: pass")


def environment(tmp_path: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("RLM_SANDBOX_ASSETS", "RLM_CACHE_DIR")
        or not name.startswith(("RLM_", "OPENAI_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "RLM_TRACE_DIR": str(tmp_path / "traces")}


async def rlm(tmp_path: Path, *args: str, **variables: str) -> tuple[int, str, str]:
    """Run `rlm run`; give its exit status, stdout and stderr."""
    with anyio.fail_after(50):
        done = await anyio.run_process(
            [sys.executable, "-m", "rlm_runtime", "run", *args],
            check=False,
            cwd=tmp_path,
            env={**environment(tmp_path), **variables},
        )
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr
    return done.returncode, done.stdout.decode(), stderr


async def test_a_missing_file_ends_with_10(tmp_path: Path) -> None:
    status, out, err = await rlm(tmp_path, "-p", "q", "-m", "m", "-c", "no.txt")
    assert (status, out) == (10, "")
    assert "rlm: Cannot read context 'no.txt': no such file" in err


async def test_a_folder_without_readable_files_ends_with_10(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "image").write_bytes(b"\x89PNG\xff\x00")
    status, out, err = await rlm(tmp_path, "-p", "q", "-m", "m", "-c", "folder")
    assert (status, out) == (10, "")
    assert "rlm: Cannot read context 'folder': " in err and "image" in err


async def test_no_model_ends_with_11(tmp_path: Path) -> None:
    status, out, err = await rlm(tmp_path, "-p", "q")
    assert (status, out) == (11, "")
    assert "rlm: Cannot run: no model is configured" in err


async def test_an_answer_follows_the_schema_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "array", "items": {"type": "integer"}}')
    replies = iter([repl("FINAL(['1'])"), repl("FINAL([1])")])
    async with open_loopback_server(lambda messages: next(replies)) as server:
        args = ("-p", "q", "-m", "m", "--base-url", server.base_url)
        status, out, _ = await rlm(tmp_path, *args, RLM_SCHEMA="s.json")
        assert (status, out, server.stats.requests) == (0, "[1]\n", 2)
        (tmp_path / "s.json").write_text('{"type": "list"}')
        status, out, err = await rlm(tmp_path, *args, "--schema", "s.json")
    assert (status, out) == (11, "") and "there is no type 'list'" in err


async def test_a_wrong_key_ends_with_20(tmp_path: Path) -> None:
    async with open_loopback_server(lambda messages: "hi", api_key="right") as server:
        args = ("-p", "q", "-m", "m", "--base-url", server.base_url)
        status, out, err = await rlm(tmp_path, *args, RLM_API_KEY="wrong-key")
        assert server.stats.requests == 1
    assert (status, out) == (20, "")
    assert "401" in err and "hint: the key comes from RLM_API_KEY" in err
    assert "wrong-key" not in err
    assert all(b"wrong-key" not in path.read_bytes() for path in list_runs(tmp_path / "traces"))


async def test_an_unreachable_endpoint_ends_with_20(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        status, out, err = await rlm(tmp_path, "-p", "q", "-m", "m", "--base-url", url)
    assert (status, out) == (20, "")
    assert "hint: see that a server runs there; --base-url names another" in err


async def test_an_answer_ends_with_0_and_is_all_that_stdout_gets(tmp_path: Path) -> None:
    (tmp_path / "task.txt").write_text("Add 1")
    (tmp_path / "number.txt").write_text("41")
    async with open_loopback_server(lambda messages: ADD) as server:
        args = ("task.txt", "-c", "number.txt", "-m", "m", "--base-url", server.base_url)
        status, out, err = await rlm(tmp_path, *args)
    assert (status, json.loads(out)) == (0, {"sum": 42})
    assert "1 node" in err


async def test_a_limit_ends_with_30_and_prints_the_partial_answer(tmp_path: Path) -> None:
    async with open_loopback_server(lambda messages: "About 7.\n" + repl("x = 7")) as server:
        args = ("-p", "q", "-m", "m", "--base-url", server.base_url, "--max-iterations", "2")
        status, out, err = await rlm(tmp_path, *args)
    assert (status, out) == (30, "About 7.\n")
    assert "max_iterations is 2" in err and "hint: --max-iterations raises this limit" in err


def _go_on(messages: Sequence[Message]) -> str:
    """Go on for ever, but not in a circle."""
    return "About 7.\n" + repl(f"x = {len(messages)}")


async def test_tokens_that_run_out_end_with_30_and_print_the_partial_answer(
    tmp_path: Path,
) -> None:
    async with open_loopback_server(_go_on) as server:
        args = ("-p", "q", "-m", "m", "--base-url", server.base_url, "--max-tokens", "20000")
        status, out, err = await rlm(tmp_path, *args)
        billed = server.stats.billed_prompt_tokens + server.stats.billed_completion_tokens
    assert (status, out) == (30, "About 7.\n")
    assert billed <= 20_000
    assert "max_tokens is 20,000" in err and "hint: --max-tokens raises this limit" in err


def code_started(events: Sequence[Event]) -> int:
    return sum(isinstance(event, CodeStarted) for event in events)


class Hosted:
    """A running `rlm run` in a process group of its own, as in a terminal."""

    def __init__(self, process: anyio.abc.Process, traces: Path) -> None:
        self.process = process
        self._traces = traces

    def events(self) -> list[Event]:
        """Read its trace, so far as it is written."""
        runs = list_runs(self._traces)
        return list(read_trace(runs[0])) if runs else []

    async def wait_sandboxes(self, least: int) -> list[psutil.Process]:
        """Wait until it has so many sandboxes, and find them."""
        found: list[psutil.Process] = []
        while len(found) < least:
            await anyio.sleep(0.02)
            children = psutil.Process(self.process.pid).children(recursive=True)
            found = [child for child in children if "deno" in child.name()]
        return found

    async def wait_code(self, blocks: int) -> None:
        """Wait until so many blocks of code have begun, as its trace tells."""
        while code_started(self.events()) < blocks:  # noqa: ASYNC110  # another process
            await anyio.sleep(0.02)


@asynccontextmanager
async def hosted(tmp_path: Path, server: LoopbackServer) -> AsyncIterator[Hosted]:
    process = await anyio.open_process(
        [sys.executable, "-m", "rlm_runtime", "run", "-p", "root", "-m", "m", "-q"]
        + ["--base-url", server.base_url],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with anyio.fail_after(50):
            yield Hosted(process, tmp_path / "traces")
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> None:
    with anyio.fail_after(seconds):
        while any(map(lives, processes)):  # noqa: ASYNC110  # they are nobody's children
            await anyio.sleep(0.02)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_the_run_with_its_trace(tmp_path: Path, signum: int) -> None:
    reached = anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return repl("print('half')", "await llm_query('child')")
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    async with open_loopback_server(policy) as server, hosted(tmp_path, server) as host:
        await reached.wait()
        # The root's and at least one more: the child's, or one that waits for it
        sandboxes = await host.wait_sandboxes(2)
        os.killpg(host.process.pid, signum)
        assert await host.process.wait() == 128 + signum
        assert host.process.stdout is not None
        assert await host.process.stdout.receive() == b"half\n"
        await wait_gone(sandboxes, 20)
        ended = host.events()[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.stop_reason, ended.answer, ended.nodes) == ("interrupted", "half", 2)


async def test_an_interrupt_stops_code_that_spins(tmp_path: Path) -> None:
    async with open_loopback_server(lambda messages: SPIN) as server:
        async with hosted(tmp_path, server) as host:
            await host.wait_code(1)
            sandboxes = await host.wait_sandboxes(1)
            os.killpg(host.process.pid, signal.SIGINT)
            assert await host.process.wait() == 130
            await wait_gone(sandboxes, 20)
            assert isinstance(host.events()[-1], RunEnded)


@pytest.mark.parametrize("spins", [False, True], ids=["waiting", "spinning"])
async def test_kill_9_leaves_no_process_and_a_readable_trace(tmp_path: Path, spins: bool) -> None:
    reached = anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return repl("await llm_query('child')")
        reached.set()
        if not spins:
            await anyio.sleep_forever()
        return SPIN

    async with open_loopback_server(policy) as server, hosted(tmp_path, server) as host:
        await reached.wait()
        await host.wait_code(2 if spins else 1)
        sandboxes = await host.wait_sandboxes(2)
        host.process.send_signal(signal.SIGKILL)
        assert await host.process.wait() == -9
        await wait_gone(sandboxes, 20)
        events = host.events()
    assert isinstance(events[0], RunStarted)
    assert not any(isinstance(event, RunEnded) for event in events)
    assert [event.seq for event in events] == list(range(len(events)))
    assert code_started(events) == (2 if spins else 1)
