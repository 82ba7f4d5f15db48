"""The state that each wall of the system gives, read from the processes of live sandboxes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import psutil
import pytest

from rlm_runtime import RLM, Message
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from rlm_runtime._sandbox.walls import WallName, Walls
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import repl
from tests.calls import FakeCalls
from tests.e2e.test_lifetime import ROOT, is_gone

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

NOBODY = "65534"
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

Live = tuple[DenoSandbox, set[str]]
"""A sandbox, and the names of what its host holds open for every child to inherit."""


@contextmanager
def inheritable() -> Iterator[set[str]]:
    """Hold a file, a pipe and a socket open that every child could inherit; give their names."""
    with tempfile.TemporaryFile() as file, socket.socket() as listener:
        listener.listen()
        numbers = [file.fileno(), listener.fileno(), *os.pipe()]
        for number in numbers:
            os.set_inheritable(number, True)
        try:
            yield {os.readlink(f"/proc/self/fd/{number}") for number in numbers}
        finally:
            for number in numbers[2:]:
                os.close(number)


@pytest.fixture(scope="module")
async def live(assets: Assets, walls: Walls) -> AsyncIterator[Live]:
    with inheritable() as canaries:
        async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512, walls=walls) as sandbox:
            await sandbox.assign("context", "")
            yield sandbox, canaries


def status_of(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in lines}


def limits_of(text: str) -> dict[str, list[str]]:
    """Read the soft and the hard limit of each kind."""
    return {line[:25].strip(): line[25:].split()[:2] for line in text.splitlines()[1:]}


def can_run(*command: str) -> bool:
    """Try a command from a folder of nobody's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(command, check=False, capture_output=True, cwd="/", env=environment)
    except OSError:
        return False
    return done.returncode == 0


def need(walls: Walls, name: WallName) -> None:
    """Skip where the system does not permit a wall."""
    for wall in walls.found:
        if wall.name == name and wall.missing is not None:
            pytest.skip(f"this system has no such wall: {wall.missing}")


def status(sandbox: DenoSandbox) -> dict[str, str]:
    return status_of(Path(f"/proc/{sandbox.pid}/status").read_text())


def limits(sandbox: DenoSandbox) -> dict[str, list[str]]:
    return limits_of(Path(f"/proc/{sandbox.pid}/limits").read_text())


def permitted(assets: Assets, *, root: bool, prefix: Sequence[str] = ()) -> set[WallName]:
    """Find the walls that can be built around a command that reads the assets, one by one."""
    user = () if root else ("unshare", "--user", "--map-current-user")
    ways: dict[WallName, list[str]] = {
        "no_new_privileges": ["setpriv", "--no-new-privs"],
        "dies_with_host": ["setpriv", "--pdeathsig=KILL"],
        "capabilities": ["setpriv", "--bounding-set=-all"] if root else [],
        "network": [*(user or ["unshare"]), "--net"],
        # A shell and one command at a time, where the user's other processes do not count
        "threads": ["false"] if root else [*user, "prlimit", "--nproc=2"],
    }
    read = f"head -c 1 {assets.folder}/main.js && true"
    return {name for name, way in ways.items() if can_run(*prefix, *way, "sh", "-c", read)}


def test_no_wall_is_missed_that_this_system_permits(assets: Assets, walls: Walls) -> None:
    standing = {wall.name for wall in walls.found if wall.missing is None}
    assert standing >= permitted(assets, root=os.geteuid() == 0)


async def test_nothing_it_starts_can_gain_privileges(live: Live, walls: Walls) -> None:
    need(walls, "no_new_privileges")
    assert status(live[0])["NoNewPrivs"] == "1"


async def test_it_has_no_capabilities(live: Live, walls: Walls) -> None:
    need(walls, "capabilities")
    told = status(live[0])
    sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"] + (["CapBnd"] if os.geteuid() == 0 else [])
    assert {name: int(told[name], 16) for name in sets} == dict.fromkeys(sets, 0)


async def test_its_network_is_empty(live: Live, walls: Walls) -> None:
    need(walls, "network")
    proc = Path(f"/proc/{live[0].pid}")
    assert os.readlink(proc / "ns" / "net") != os.readlink("/proc/self/ns/net")
    # Two lines of headings, and a loopback that is down: it has no addresses and no routes
    devices = (proc / "net" / "dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    assert (proc / "net" / "if_inet6").read_text() == ""
    assert (proc / "net" / "route").read_text().count("\n") <= 1


async def test_its_limits_are_small(live: Live) -> None:
    found = limits(live[0])
    assert found["Max open files"] == ["0", "0"]
    assert found["Max file size"] == found["Max core file size"] == ["0", "0"]
    soft, hard = found["Max data size"]
    assert soft == hard and int(soft) < 3 << 30


async def test_it_inherits_no_descriptor(live: Live) -> None:
    sandbox, canaries = live
    assert len(canaries) == 3
    folder = f"/proc/{sandbox.pid}/fd"
    opened = {os.readlink(f"{folder}/{number}") for number in os.listdir(folder)}
    assert not canaries & opened
    # Deno's own: what it waits with, and its ends of stdio
    assert {name.partition(":")[0] for name in opened} <= {"pipe", "socket", "anon_inode"}
    assert len([name for name in opened if name.startswith("pipe:")]) == 3


async def test_it_is_still_the_process_that_the_host_kills(live: Live) -> None:
    process = psutil.Process(live[0].pid)
    assert (process.ppid(), process.name()) == (os.getpid(), "deno")
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    assert process.children(recursive=True) == []


async def test_its_threads_are_limited(live: Live, walls: Walls) -> None:
    need(walls, "threads")
    found = limits(live[0])
    assert found["Max processes"] == ["128", "128"]
    assert int(status(live[0])["Threads"]) < 64


async def test_more_files_than_it_may_open_cost_a_sandbox_only_itself(
    assets: Assets, walls: Walls
) -> None:
    code = "import js, asyncio\nhold = js.eval('''\n"
    code += "Array.from({length: 50}, () => new Worker('data:text/javascript,', {type: 'module'}))"
    code += "''')\nawait asyncio.sleep(5)"
    with anyio.fail_after(50):
        async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512, walls=walls) as sandbox:
            with pytest.raises(Exception, match="The sandbox is lost"):
                await sandbox.execute(code)
    assert not psutil.pid_exists(sandbox.pid)


@asynccontextmanager
async def hosted(
    assets: Assets, *prefix: str
) -> AsyncIterator[tuple[anyio.abc.Process, dict[str, Any]]]:
    """Run a host of a walled sandbox; give it and what it told."""
    script = str(ROOT / "tests" / "children" / "hosts_walled.py")
    with tempfile.TemporaryFile() as stderr:
        host = await anyio.open_process(
            [*prefix, sys.executable, script, str(assets.folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=stderr,
            cwd="/",
        )
        assert host.stdout is not None
        try:
            with anyio.fail_after(50):
                told = b""
                async for piece in host.stdout:
                    told += piece
                    if told.endswith(b"\n"):
                        break
                stderr.seek(0)
                assert told, stderr.read().decode()
                yield host, json.loads(told)
        finally:
            if host.returncode is None:
                host.kill()
            with anyio.CancelScope(shield=True):
                await host.aclose()


async def test_kill_9_of_the_host_ends_a_sandbox_that_hears_nothing(
    assets: Assets, walls: Walls
) -> None:
    need(walls, "dies_with_host")
    async with hosted(assets) as (host, told):
        # A process that stands still does not see that its stdin ends
        os.kill(told["pid"], signal.SIGSTOP)
        host.kill()
        assert await host.wait() == -9
        assert await anyio.to_thread.run_sync(is_gone, told["pid"], 20)


@pytest.fixture
def for_all(assets: Assets) -> Iterator[Assets]:
    """Copy the assets to where every user can read them."""
    with tempfile.TemporaryDirectory(prefix="rlm-") as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(assets.folder, f"{folder}/assets")
        yield replace(assets, folder=Path(folder).resolve() / "assets")


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another user")
@pytest.mark.parametrize("most_threads", [128, 100])
async def test_a_plain_user_has_the_walls_as_well(for_all: Assets, most_threads: int) -> None:
    can_start = "import anyio, psutil, rlm_runtime._rlm, tests.calls"
    if not can_run(*AS_NOBODY, sys.executable, "-c", can_start):
        pytest.skip("another user cannot read this Python or these tests")
    # A user who may have fewer cannot give a sandbox more
    fewer = () if most_threads == 128 else ("prlimit", f"--nproc={most_threads}")
    async with hosted(for_all, *fewer, *AS_NOBODY) as (host, told):
        assert host.stdin is not None
        await host.stdin.aclose()
        assert await host.wait() == 0
    assert (told["printed"], told["error"]) == ("2\n", None)
    state = status_of(told["status"])
    assert state["Uid"].split() == [NOBODY] * 4
    bounds = limits_of(told["limits"])
    seen = {
        "no_new_privileges": state["NoNewPrivs"] == "1",
        "dies_with_host": told["walls"]["dies_with_host"] is None,
        "capabilities": int(state["CapPrm"], 16) == int(state["CapInh"], 16) == 0,
        "network": told["network"] != os.readlink("/proc/self/ns/net"),
        "threads": bounds["Max processes"] == [str(most_threads)] * 2,
    }
    assert seen == {name: reason is None for name, reason in told["walls"].items()}
    standing = {name for name, stands in seen.items() if stands}
    assert standing >= permitted(for_all, root=False, prefix=AS_NOBODY)
    assert bounds["Max open files"] == ["0", "0"]


@pytest.mark.usefixtures("assets")
async def test_the_sandboxes_of_an_rlm_stand_within_the_walls(walls: Walls) -> None:
    need(walls, "no_new_privileges")
    others = {child.pid for child in psutil.Process().children()}
    states: list[str] = []

    def look(messages: Sequence[Message]) -> str:
        if len(messages) < 3:
            return repl("x = 1")
        pids = {child.pid for child in psutil.Process().children()} - others
        told = [status_of(Path(f"/proc/{pid}/status").read_text()) for pid in pids]
        states.extend(one["NoNewPrivs"] for one in told if one["Name"] == "deno")
        return repl("FINAL(1)")

    async with RLM(ScriptedLLM(look), trace_dir=None) as rlm:
        await rlm.run("q")
    assert set(states) == {"1"}
