"""Child processes of every bad kind: the block ends in time, and nothing of them is left."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest

from rlm_runtime._process import ChildProcess, open_process

pytestmark = pytest.mark.anyio

CHILDREN = Path(__file__).parent / "children"
GRACE = 0.3


def opened(name: str, *, grace: float = GRACE) -> AbstractAsyncContextManager[ChildProcess]:
    command = [sys.executable, "-I", str(CHILDREN / f"{name}.py")]
    return open_process(command, env={}, rlimits={resource.RLIMIT_CORE: 0}, grace=grace)


def session_of(pid: int) -> list[int]:
    """Find the processes, of this one's descent or not, in the session that `pid` leads."""
    found = []
    for number in psutil.pids():
        try:
            if os.getsid(number) == pid and psutil.Process(number).status() != "zombie":
                found.append(number)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


async def wait_session_end(pid: int) -> None:
    """Wait for what has been killed to be gone, which takes the system a moment."""
    with anyio.fail_after(20):
        while session_of(pid):  # noqa: ASYNC110 - nothing tells of the end of another's child
            await anyio.sleep(0.01)


async def read_line(child: ChildProcess) -> str:
    text = b""
    while b"\n" not in text:
        text += await child.stdout.receive()
    return text.decode()


KINDS = ["prints_garbage", "never_replies", "ignores_eof", "floods_stderr", "exits_at_once"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("end", ["quiet", "raise", "cancel"])
async def test_nothing_is_left_when_the_block_ends(name: str, end: str) -> None:
    began = anyio.current_time()
    with anyio.CancelScope() as scope:
        try:
            async with opened(name) as child:
                assert name == "exits_at_once" or session_of(child.pid) != []
                if name == "ignores_eof":
                    await read_line(child)
                if end == "raise":
                    raise LookupError("mine")
                if end == "cancel":
                    scope.cancel()
                    await anyio.sleep_forever()
        except LookupError as exc:
            assert end == "raise" and exc.args == ("mine",)
    assert scope.cancelled_caught == (end == "cancel")
    # Far from what nobody would wait for, and from what a busy machine takes
    assert anyio.current_time() - began < 10
    assert not psutil.pid_exists(child.pid)
    await wait_session_end(child.pid)


async def test_its_end_is_known_before_the_event_loop_has_heard_of_it() -> None:
    async with opened("never_replies") as child:
        assert not child.has_ended
        os.kill(child.pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while not child.has_ended and time.monotonic() < until:
            pass
        # The event loop has not had a moment
        assert child.has_ended
        assert await child.wait() == -9
        assert child.has_ended


@pytest.mark.parametrize("steps", range(5))
async def test_nothing_is_left_when_the_start_is_cancelled(steps: int) -> None:
    async def cancel(scope: anyio.CancelScope) -> None:
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel, tasks.cancel_scope)
        async with opened("never_replies"):
            await anyio.sleep_forever()
    assert psutil.Process().children() == []


async def test_a_child_that_obeys_is_asked_and_not_killed() -> None:
    async with opened("never_replies", grace=20) as child:
        pass
    assert await child.wait() == 0


async def test_a_child_that_stays_is_killed_with_its_own_children() -> None:
    async with opened("ignores_eof") as child:
        heard = await read_line(child)
        while heard.count("deaf") < 2:
            heard += await read_line(child)
        assert len(session_of(child.pid)) == 2
    await wait_session_end(child.pid)
    assert await child.wait() == -9


async def test_kill_ends_a_child_at_once() -> None:
    async with opened("ignores_eof", grace=20) as child:
        child.kill()
        with anyio.fail_after(15):
            assert await child.wait() == -9
        child.kill()


async def test_stderr_is_drained_and_its_tail_is_kept() -> None:
    async with opened("floods_stderr") as child:
        with anyio.fail_after(50):
            assert await read_line(child) == "done\n"
            await child.stdin.aclose()
            await child.wait()
        tail = child.stderr_tail()
    assert 16_000 < len(tail) < 17_000
    assert "\n079999 xx" in tail and tail.endswith("letzte Wörter")


async def test_the_last_words_are_there_when_the_child_has_ended() -> None:
    for _ in range(5):
        async with opened("exits_at_once") as child:
            with anyio.fail_after(20):
                assert await child.wait() == 3
            assert child.stderr_tail().endswith("no licence")


async def test_the_child_gets_its_limits_and_nothing_of_the_host() -> None:
    os.environ["RLM_TEST_CANARY"] = "seen"
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    command = [sys.executable, "-I", str(CHILDREN / "tells_limits.py")]
    rlimits = {resource.RLIMIT_DATA: 1 << 30, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    try:
        async with open_process(command, env={"LANG": "C"}, rlimits=rlimits) as child:
            await child.stdin.send(b"x")
            told = json.loads(await read_line(child))
    finally:
        del os.environ["RLM_TEST_CANARY"]
        os.close(reading)
        os.close(writing)
    assert (told["data"], told["fsize"], told["core"]) == ([1 << 30] * 2, [0, 0], [0, 0])
    assert set(told["env"]) <= {"LANG", "LC_CTYPE"}
    assert (told["cwd"], told["leads_session"], told["files"]) == ("/", True, [])


async def test_a_limit_of_the_host_is_never_raised_for_a_child() -> None:
    command = [sys.executable, str(CHILDREN / "hosts_limited.py")]
    told = await anyio.run_process(
        command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert json.loads(told.stdout)["data"] == [4 << 30] * 2


async def test_limits_for_a_child_that_is_gone_already_are_no_error() -> None:
    for _ in range(20):
        async with open_process(["/bin/false"], env={}, rlimits={resource.RLIMIT_CORE: 0}) as child:
            assert await child.wait() == 1


async def test_what_cannot_be_started_is_an_os_error() -> None:
    with pytest.raises(OSError):
        async with open_process(["/no/such/program"], env={}):
            pass
