"""`RLM.resume`: from a trace to the answer, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from rlm_runtime import RLM, ConfigError, InputError, Limits, Message, RunResult, TraceError
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._events import ModeChosen, RunEnded, RunResumed, RunStarted
from rlm_runtime._trace.reader import read_trace
from rlm_runtime.testing import ScriptedLLM
from tests.traces import growing_trace, write_trace

pytestmark = pytest.mark.anyio


def direct(replies: Sequence[str], trace_dir: Path, limits: Limits | None = None) -> RLM:
    return RLM(ScriptedLLM(list(replies)), mode="direct", trace_dir=trace_dir, limits=limits)


def content(result: RunResult) -> bytes:
    assert result.trace_path is not None
    return result.trace_path.read_bytes()


async def test_an_answered_run_gives_its_answer_at_once(tmp_path: Path) -> None:
    async with direct(["It is blue."], tmp_path) as rlm:
        first = await rlm.run("Which colour?", context="The sky is blue.")
    before = content(first)
    async with direct([], tmp_path) as rlm:
        for name in (first.run_id, first.run_id[:20], str(first.trace_path)):
            again = await rlm.resume(name)
            assert (again.answer, again.usage, again.nodes) == (
                first.answer,
                first.usage,
                first.nodes,
            )
            assert (again.run_id, again.mode) == (first.run_id, "direct")
    assert content(first) == before


async def test_an_answer_is_given_as_what_is_asked_for_now(tmp_path: Path) -> None:
    async with direct(["[1, 2]"], tmp_path) as rlm:
        first = await rlm.run("Which?", context="1, 2", output_type=list[int])
        assert first.answer == [1, 2]
        assert (await rlm.resume(first.run_id)).answer == [1, 2]
        assert (await rlm.resume(first.run_id, output_type=tuple[int, int])).answer == (1, 2)
        with pytest.raises(InputError, match="Cannot give the answer of this run as what is"):
            await rlm.resume(first.run_id, output_type=dict[str, int])


async def test_a_stopped_run_goes_on_when_more_is_granted(tmp_path: Path) -> None:
    stopped = direct(["no", "no"], tmp_path, Limits(max_calls=2))
    async with stopped as rlm:
        with pytest.raises(LimitExceededError) as caught:
            await rlm.run("Which?", context="1, 2", output_type=list[int])
    path = caught.value.trace_path
    assert path is not None
    asked: list[int] = []

    def policy(messages: Sequence[Message]) -> str:
        asked.append(len(messages))
        return "[3]"

    async with RLM(ScriptedLLM(policy), mode="direct", trace_dir=None) as rlm:
        with pytest.raises(LimitExceededError):
            # As RLM has none of its own, those of the run hold
            await rlm.resume(path)
        assert not asked
        done = await rlm.resume(path, limits=Limits(max_calls=3))
    assert done.answer == [3] and len(asked) == 1 and done.usage.calls == 3
    assert done.run_id == path.parent.name and done.trace_path == path
    kinds = [e for e in read_trace(path) if isinstance(e, RunStarted | RunResumed | RunEnded)]
    assert [type(one).__name__ for one in kinds] == [
        "RunStarted", "RunEnded", "RunResumed", "RunEnded", "RunResumed", "RunEnded"
    ]  # fmt: skip
    assert [event.seq for event in read_trace(path)] == list(range(kinds[-1].seq + 1))


def started(**fields: str) -> RunStarted:
    given: dict[str, object] = {"limits": {"max_calls": 9}, **fields}
    return RunStarted(run="r", version="1", query="q", model="m", sub_model="m", **given)  # type: ignore[arg-type]  # as the tests give them


async def refusal(trace: Path, kind: type[Exception]) -> str:
    async with direct([], trace.parent) as rlm:
        with pytest.raises(kind) as caught:
            await rlm.resume(trace)
    return str(caught.value)


async def test_what_cannot_go_on_is_refused_in_words(tmp_path: Path) -> None:
    none = write_trace(tmp_path, "none")
    assert "it ends before its run began" in await refusal(none, TraceError)
    chosen = ModeChosen(mode="direct", reason="it was asked for")
    empty = write_trace(tmp_path, "empty", started(), chosen)
    assert "its query is not in it" in await refusal(empty, TraceError)
    schema = write_trace(tmp_path, "schema", started(schema="{"))
    assert f"Cannot resume {str(schema)!r}: " in await refusal(schema, TraceError)
    tools = write_trace(tmp_path, "tools", started(settings='{"tools": ["add"]}'))
    assert "its tools are missing: 'add'" in await refusal(tools, ConfigError)
    text = tmp_path / "text"
    text.write_text("no trace")
    await refusal(text, TraceError)
    async with direct([], tmp_path) as rlm:
        with pytest.raises(InputError, match="Cannot find run 'nowhere'"):
            await rlm.resume("nowhere")


def test_a_run_that_is_still_going_on_is_refused(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r", started()) as path:
        assert "still going on" in anyio.run(refusal, path, TraceError)


async def test_a_run_with_a_repl_needs_one(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", started())
    assert "its nodes have a REPL" in await refusal(path, ConfigError)
