"""The class that users embed: what it refuses, and what it wires together."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from rlm_runtime import (
    RLM,
    ConfigError,
    Event,
    InputError,
    LimitExceededError,
    Limits,
    Message,
    ModelAuthenticationError,
    ModelError,
    RLMError,
    TraceError,
    read_trace,
    run_sync,
)
from rlm_runtime._events import RunEnded, RunStarted
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = pytest.mark.anyio

ECHO = ScriptedLLM(lambda messages: repl("FINAL([query, context])"))


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RLM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def refusal(rlm: RLM) -> str:
    with pytest.raises(ConfigError) as caught:
        async with rlm:
            pytest.fail("It opened")
    return str(caught.value)


@pytest.mark.parametrize("place", ["model", "sub_model", "alias"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpt-5", "Cannot use model 'gpt-5': give the base_url of an OpenAI-compatible endpoint"),
        (
            "anthropic/x",
            "Cannot use model 'anthropic/x': there is no key; set ANTHROPIC_API_KEY or",
        ),
        ("antropic/x", "Cannot use model 'antropic/x': litellm knows no provider 'antropic'; did"),
        ("openai/x", "Cannot use model 'openai/x': there is no key; set OPENAI_API_KEY, or give"),
    ],
)
async def test_a_name_that_leads_nowhere_is_refused(place: str, name: str, message: str) -> None:
    rlm = {
        "model": RLM(name),
        "sub_model": RLM(ECHO, sub_model=name),
        "alias": RLM(ECHO, models={"fast": name}),
    }[place]
    assert (await refusal(rlm)).startswith(message)


async def test_a_folder_without_prompts_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in await refusal(RLM(ECHO, prompts=tmp_path / "none"))


async def test_a_number_of_spares_that_makes_no_sense_is_refused() -> None:
    message = "Cannot set spare_sandboxes to -1: it must be 0 or more"
    assert await refusal(RLM(ECHO, spare_sandboxes=-1)) == message
    for limits in ({}, {"max_cost": 1}):
        message = f"Cannot use {limits!r} as limits: give Limits(…)"
        wrong = RLM(ECHO, limits=limits)  # type: ignore[arg-type]  # the mistake
        assert await refusal(wrong) == message


async def test_it_must_be_open_to_run() -> None:
    rlm = RLM(ECHO)
    with pytest.raises(ConfigError, match="Cannot run: open the RLM with `async with` first"):
        await rlm.run("q")


@pytest.mark.deno
async def test_it_opens_once_at_a_time_and_can_be_opened_again() -> None:
    rlm = RLM(ECHO, trace_dir=None)
    async with rlm:
        assert "Cannot open this RLM: it is open already" in await refusal(rlm)
    with pytest.raises(ConfigError, match="open the RLM with"):
        await rlm.run("q")
    async with rlm:
        pass


@pytest.mark.deno
async def test_after_an_opening_that_failed_it_can_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    async with open_loopback_server(lambda messages: repl("FINAL(1)")) as server:
        rlm = RLM("m", base_url=server.base_url, prompts=folder, trace_dir=None)
        assert "is not a folder" in await refusal(rlm)
        folder.mkdir()
        async with rlm:
            assert (await rlm.run("q")).answer == 1


@pytest.mark.deno
@pytest.mark.parametrize("query", ["", " \n"])
async def test_an_empty_query_is_refused(query: str, tmp_path: Path) -> None:
    async with RLM(ECHO, trace_dir=tmp_path) as rlm:
        with pytest.raises(InputError, match="Cannot run: the query is empty"):
            await rlm.run(query)
    assert entries(tmp_path) == []


@pytest.mark.deno
async def test_a_run_gives_answer_usage_and_trace(tmp_path: Path) -> None:
    events: list[Event] = []
    async with RLM(ECHO, trace_dir=tmp_path, on_event=events.append) as rlm:
        result = await rlm.run("What?", context=None)
        again = await rlm.run("What?")
    assert (result.answer, again.answer) == (["What?", None], ["What?", "What?"])
    assert (result.stop_reason, result.usage.calls, result.nodes) == ("answered", 1, 1)
    assert result.trace_path == tmp_path / result.run_id / "trace.msgpack"
    traced = list(read_trace(result.trace_path))
    assert traced == events[: len(traced)]
    assert [event.seq for event in traced] == list(range(len(traced)))
    assert all(a.mono <= b.mono for a, b in zip(traced, traced[1:], strict=False))
    assert isinstance(traced[0], RunStarted) and traced[0].run == result.run_id
    assert isinstance(traced[-1], RunEnded)


@pytest.mark.deno
async def test_without_a_trace_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with RLM(ECHO, trace_dir=None) as rlm:
        assert (await rlm.run("q")).trace_path is None
    assert entries(tmp_path) == []


@pytest.mark.deno
async def test_the_trace_goes_to_the_user_s_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with RLM(ECHO) as rlm:
        path = (await rlm.run("q")).trace_path
    assert path is not None and path.is_relative_to(tmp_path) and path.is_file()


@pytest.mark.deno
async def test_a_trace_that_cannot_begin_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with RLM(ECHO, trace_dir=tmp_path / "file") as rlm:
        with pytest.raises(TraceError, match="Cannot write a trace in"):
            await rlm.run("q")


TROUBLE = """
import os, resource, sys
from pathlib import Path
from rlm_runtime import Limits, run_sync
from rlm_runtime.testing import ScriptedLLM

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def lose_trace():
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if target.endswith("trace.msgpack"):
            # Nothing can be written to it any more
            os.dup2(os.open(target, os.O_RDONLY), fd)

def observe(event):
    kinds.append(event.kind)
    if event.kind == "code_started" and len(sys.argv) == 2:
        lose_trace()
    if event.kind == "trace_stalled":
        limit(resource.RLIM_INFINITY)

kinds = []
if len(sys.argv) == 3:
    limit(int(sys.argv[2]))
noise = "import random\\nprint(random.randbytes(100_000).hex())"
model = ScriptedLLM([f"```repl\\n{noise}\\n```", "```repl\\nFINAL(7)\\n```"])
result = run_sync("q", model=model, trace_dir=Path(sys.argv[1]), on_event=observe)
print(result.answer, result.trace_path, *kinds)
"""


async def in_trouble(*args: str) -> tuple[list[str], list[str]]:
    """Run a program whose trace is in trouble; give the kinds of events told, and those traced."""
    with anyio.fail_after(30):
        done = await anyio.run_process([sys.executable, "-c", TROUBLE, *args])
    answer, path, *kinds = done.stdout.decode().split()
    assert answer == "7"
    return kinds, [event.kind for event in read_trace(Path(path))]  # type: ignore[attr-defined]


@pytest.mark.deno
async def test_a_trace_that_fails_in_mid_run_does_not_end_it(tmp_path: Path) -> None:
    kinds, traced = await in_trouble(str(tmp_path))
    assert kinds.count("trace_failed") == 1 and kinds[-1] == "run_ended"
    assert traced == kinds[: len(traced)] and "run_ended" not in traced


@pytest.mark.deno
async def test_a_run_waits_for_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    kinds, traced = await in_trouble(str(tmp_path), "20000")
    stalled, recovered = kinds.index("trace_stalled"), kinds.index("trace_recovered")
    asked = kinds.index("model_replied", stalled)
    assert stalled < recovered < asked
    assert traced == kinds


@pytest.mark.deno
async def test_runs_at_the_same_time_keep_apart(tmp_path: Path) -> None:
    arrived: list[str] = []
    both = anyio.Event()

    async def meet(messages: Sequence[Message]) -> str:
        arrived.append(asked(messages))
        if len(arrived) == 2:
            both.set()
        await both.wait()
        return repl("FINAL([query, context])")

    answers = {}
    events: list[Event] = []
    with anyio.fail_after(15):
        async with RLM(ScriptedLLM(meet), trace_dir=tmp_path, on_event=events.append) as rlm:

            async def run(query: str) -> None:
                result = await rlm.run(query, context=query * 2)
                answers[query] = (result.answer, result.usage.calls, result.run_id)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run, "one")
                tasks.start_soon(run, "two")
    assert answers["one"][:2] == (["one", "oneone"], 1)
    assert answers["two"][:2] == (["two", "twotwo"], 1)
    assert answers["one"][2] != answers["two"][2]
    for _, _, run_id in answers.values():
        traced = list(read_trace(tmp_path / run_id / "trace.msgpack"))
        assert [event.seq for event in traced] == list(range(len(traced)))


@pytest.mark.deno
async def test_an_error_tells_what_was_spent_and_where_the_trace_is(tmp_path: Path) -> None:
    async with open_loopback_server(lambda messages: "hi", api_key="right") as server:
        async with RLM("m", base_url=server.base_url, api_key="wrong", trace_dir=tmp_path) as rlm:
            with pytest.raises(ModelAuthenticationError) as caught:
                await rlm.run("q")
    assert caught.value.usage is not None and caught.value.usage.calls == 1
    assert caught.value.trace_path is not None
    assert isinstance(list(read_trace(caught.value.trace_path))[-1], RunEnded)


@pytest.mark.deno
async def test_a_context_that_cannot_be_sent_is_an_input_error() -> None:
    async with RLM(ECHO, trace_dir=None) as rlm:
        with pytest.raises(InputError, match="Cannot use this context: .*lock"):
            await rlm.run("q", context=[threading.Lock()])


@pytest.mark.deno
async def test_names_reach_the_endpoint_without_their_prefix() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if len(messages) == 2 and asked(messages) == "q":
            return repl("a = await llm_query('a')", "b = await llm_query('b', model='fast')")
        return repl("FINAL(query)")

    async with open_loopback_server(policy) as server:
        async with RLM(
            "openai/one",
            sub_model="two",
            models={"fast": "openai/three"},
            base_url=server.base_url,
            trace_dir=None,
        ) as rlm:
            assert (await rlm.run("q")).answer == "q"
        assert server.stats.by_model == {"one": 2, "two": 1, "three": 1}


@pytest.mark.deno
def test_run_sync_answers_and_raises(tmp_path: Path) -> None:
    result = run_sync("q", context={1: 2}, model=ECHO, trace_dir=tmp_path)
    assert result.answer == ["q", {1: 2}]
    model = ScriptedLLM(["I think 7."] * 3)
    with pytest.raises(LimitExceededError) as caught:
        run_sync("q", model=model, trace_dir=None, limits=Limits(max_depth=0))
    assert caught.value.partial == "I think 7."
    assert isinstance(caught.value, RLMError)


async def test_run_sync_in_an_event_loop_says_what_to_do_instead() -> None:
    with pytest.raises(ConfigError, match="event loop runs in this thread.*await rlm.run"):
        run_sync("q", model=ECHO, trace_dir=None)


async def test_a_query_that_is_no_str_is_refused() -> None:
    async with RLM(ECHO, mode="direct", trace_dir=None) as rlm:
        with pytest.raises(InputError, match="the query is of type 'int', not str"):
            await rlm.run(5)  # type: ignore[arg-type]  # the mistake it is about


async def test_folders_may_be_given_as_text(tmp_path: Path) -> None:
    (tmp_path / "direct.md").write_text("Answer in capitals")
    model = ScriptedLLM(lambda messages: messages[0].content)
    folder = str(tmp_path)
    async with RLM(model, mode="direct", prompts=folder, trace_dir=folder) as rlm:
        result = await rlm.run("q")
    assert result.answer == "Answer in capitals"
    assert result.trace_path is not None and result.trace_path.is_relative_to(tmp_path)


@pytest.mark.deno
async def test_folder_of_prompts_replaces_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "reminder.md").write_text("Write code, please")
    model = ScriptedLLM(
        lambda messages: repl("FINAL(1)") if "please" in messages[-1].content else "Hm"
    )
    async with RLM(model, prompts=tmp_path, trace_dir=None) as rlm:
        assert (await rlm.run("q")).usage.calls == 2


@pytest.mark.deno
async def test_no_run_goes_on_after_the_block() -> None:
    called = anyio.Event()
    caught: list[BaseException] = []

    async def wait(messages: Sequence[Message]) -> str:
        called.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def run(rlm: RLM) -> None:
        try:
            await rlm.run("q")
        except RLMError as exc:
            caught.append(exc)

    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            async with RLM(ScriptedLLM(wait), trace_dir=None) as rlm:
                tasks.start_soon(run, rlm)
                await called.wait()
            assert "the block of this RLM has ended" in str(caught[0])


@pytest.mark.deno
async def test_a_model_that_gives_no_completion_is_an_error(tmp_path: Path) -> None:
    class Nothing:
        name = "nothing"
        info = ModelInfo()

        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> None:
            return None

    async with RLM(Nothing(), trace_dir=None) as rlm:  # type: ignore[arg-type]  # the mistake
        with pytest.raises(ModelError, match="the reply of 'nothing': it is a NoneType"):
            await rlm.run("q")
