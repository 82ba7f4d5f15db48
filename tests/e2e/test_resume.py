"""Runs that are killed or interrupted, and go on: real processes, real sandboxes."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import psutil
import pytest

from rlm_runtime import RLM, Event, Message
from rlm_runtime._events import ModelReplied, NodeRebuilt, ReplayDiverged
from rlm_runtime._trace.places import list_runs
from rlm_runtime._trace.reader import read_trace
from rlm_runtime.testing import LoopbackServer, ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl
from tests.e2e.test_cli import environment

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

ROOT = [
    repl(
        "import asyncio, random\nluck = random.random()\nletters = set('resumable')\n"
        "late = llm_query('late', recursive=False)\n"
        "found = await asyncio.gather(*[llm_query(f'child {n}', [n]) for n in range(2)])\n"
        "print(found, luck, letters, limits()['depth'])"
    ),
    repl(
        "try:\n    await asyncio.wait_for(llm_query('never', recursive=False), 0.2)\n"
        "except asyncio.TimeoutError:\n    print('too late')",
        "FINAL('no list')",
    ),
    repl("last = await llm_query('last', recursive=False)\nprint(last)"),
    repl("FINAL([found, luck, sorted(letters), await late, last])"),
]
CHILD = [repl("r = await llm_query(f'of {context}')\nprint(r)"), repl("FINAL((context, r))")]


class Model:
    """Plays the scripts; from some point on it does not answer until it may."""

    def __init__(self, holds: str) -> None:
        self.answered: Counter[str] = Counter()
        self.reached = anyio.Event()
        self.holds = holds

    async def __call__(self, messages: Sequence[Message]) -> str:
        query, said = asked(messages), sum(one.role == "assistant" for one in messages)
        name = f"{query.split(' about')[0]} {said}"
        if query == "never":
            await anyio.sleep_forever()
        if name == self.holds:
            self.reached.set()
            await anyio.sleep_forever()
        self.answered[name] += 1
        if query == "root":
            return ROOT[said]
        return CHILD[said] if query.startswith("child") else f"<{query}>"


def command(server: LoopbackServer, *args: str) -> list[str]:
    rlm = [sys.executable, "-m", "rlm_runtime", *args]
    return [*rlm, "--base-url", server.base_url, "--json", "-q"]


async def resume(tmp_path: Path, server: LoopbackServer, run: str) -> dict[str, object]:
    done = await anyio.run_process(
        command(server, "resume", run), cwd=tmp_path, env=environment(tmp_path), check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def kill(pid: int) -> None:
    """Kill a run and all its sandboxes, without a word to any of them."""
    host = psutil.Process(pid)
    family = [host, *host.children(recursive=True)]
    for process in family:
        # A sandbox ends by itself once the host is gone
        with suppress(psutil.NoSuchProcess):
            process.kill()


def replies_in(traces: Path) -> int:
    """Count the replies on record; one that the model gave last may still be on its way."""
    runs = list_runs(traces)
    return sum(isinstance(one, ModelReplied) for path in runs for one in read_trace(path))


@pytest.mark.parametrize(("held", "replies"), [("root 1", 8), ("child 1 1", 7), ("root 3", 11)])
@pytest.mark.parametrize("how", ["kill", "interrupt"])
async def test_a_run_that_was_stopped_goes_on(
    tmp_path: Path, held: str, replies: int, how: str
) -> None:
    (tmp_path / "schema.json").write_text('{"type": "array"}')
    model = Model(held)
    async with open_loopback_server(model) as server:
        begin = command(server, "run", "-p", "root", "-m", "m", "--schema", "schema.json")
        with anyio.fail_after(40):
            async with await anyio.open_process(
                begin, cwd=tmp_path, env=environment(tmp_path), stdout=None
            ) as process:
                await model.reached.wait()
                while replies_in(tmp_path / "traces") < replies:  # noqa: ASYNC110 - another process
                    await anyio.sleep(0.01)
                if how == "kill":
                    kill(process.pid)
                else:
                    os.kill(process.pid, signal.SIGINT)
                await process.wait()
            (path,) = list_runs(tmp_path / "traces")
            model.holds = ""
            result = await resume(tmp_path, server, path.parent.name[:20])
            answered = model.answered.copy()
            # A run that has ended: it is the same, however it was stopped before
            again = await resume(tmp_path, server, path.parent.name) if held == "root 3" else result
    assert set(model.answered.values()) == {1} and model.answered == answered
    events = list(read_trace(path))
    assert not [one for one in events if isinstance(one, ReplayDiverged)]
    assert sum(isinstance(one, ModelReplied) for one in events) == answered.total() > replies
    assert [one.node for one in events if isinstance(one, NodeRebuilt)][0] == 0
    assert isinstance(result["answer"], list)
    found, luck, letters, late, last = result["answer"]
    assert found == [[[n], f"<of [{n}]>"] for n in range(2)]
    assert (late, last, letters) == ("<late>", "<last>", sorted(set("resumable")))
    assert 0 <= luck < 1
    assert (again["answer"], again["usage"]) == (result["answer"], result["usage"])


async def test_code_that_reads_the_clock_is_told_of_and_goes_on(tmp_path: Path) -> None:
    events: list[Event] = []
    fails = True

    def policy(messages: Sequence[Message]) -> str:
        said = sum(one.role == "assistant" for one in messages)
        if said == 2 and fails:
            raise ValueError("Down")
        return [
            repl("import time\nprint(time.time_ns())"),
            repl("n = 7"),
            repl("FINAL(n)"),
        ][said]

    async with RLM(ScriptedLLM(policy), trace_dir=tmp_path, on_event=events.append) as rlm:
        with pytest.raises(Exception, match="Down"):
            await rlm.run("root", context="")
        (path,) = list_runs(tmp_path)
        fails = False
        done = await rlm.resume(path)
    assert done.answer == 7 and done.usage.calls == 5
    (diverged,) = [one for one in events if isinstance(one, ReplayDiverged)]
    assert (diverged.node, diverged.iteration, diverged.block) == (0, 1, 0)
    assert diverged.reason.startswith("its output was '")
