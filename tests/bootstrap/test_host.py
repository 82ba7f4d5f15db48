"""The Python end of the wire, with lists in place of the main thread."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from bootstrap.errors import AnswerRejectedError, LLMQueryError
from bootstrap.host import Call, Host
from bootstrap.names import names

from rlm_runtime._values import UnsendableError, decode, encode

pytestmark = pytest.mark.anyio

Message = dict[str, Any]


class Wire:
    """Keeps what the host under test sends, and speaks for the other end."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.payloads: list[bytes | None] = []
        self.asked: list[tuple[Message, bytes | None]] = []
        self.verdict: Message = {"error": {"message": "not good enough"}}
        self.over: list[int] = []
        self.host = Host(self._send, self._ask, self._run_sync, self.over.append)
        for name, value in names(self.host).items():
            self.host.repl.provide(name, value)
        self.provided = names(self.host)

    def __getattr__(self, name: str) -> Any:
        return self.provided[name]

    def _send(self, text: str, payload: bytes | None) -> None:
        self.sent.append(json.loads(text))
        self.payloads.append(payload)

    def _ask(self, text: str, payload: bytes | None, number: int) -> str:
        assert json.loads(text)["id"] == number
        self.asked.append((json.loads(text), payload))
        return json.dumps({"jsonrpc": "2.0", "id": number, **self.verdict})

    def _run_sync(self, awaitable: Any) -> Any:
        raise AssertionError("nothing here waits in synchronous code")

    def of(self, method: str) -> list[Message]:
        return [message for message in self.sent if message.get("method") == method]

    def answer(self, number: int, value: object) -> None:
        about = {"at": "result.value", "kind": "value"}
        message = {"jsonrpc": "2.0", "id": number, "result": {}, "payload": about}
        self.host.receive(json.dumps(message), encode(value))

    def fail(self, number: int, text: str, partial: object = None) -> None:
        error = {"code": -32000, "message": text, "data": {"stop_reason": "max_calls"}}
        about = {"at": "error.data.partial", "kind": "value"}
        message = {"jsonrpc": "2.0", "id": number, "error": error}
        if partial is not None:
            message["payload"] = about
        self.host.receive(json.dumps(message), None if partial is None else encode(partial))

    async def execute(self, code: str) -> Message:
        """Run code to its end; return the result."""
        about = {"at": "params.code", "kind": "utf8"}
        message = {"id": 900, "method": "execute", "params": {"cell": 1}, "payload": about}
        with redirect_stdout(self.host.stdout), redirect_stderr(self.host.stderr):
            self.host.receive(json.dumps(message), code.encode("utf-8", "surrogatepass"))
            async with asyncio.timeout(5):
                while not (replies := [one for one in self.sent if "result" in one]):  # noqa: ASYNC110
                    await asyncio.sleep(0)
        self.sent.remove(replies[0])
        result: Message = replies[0]["result"]
        return result


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    yield Wire()


async def test_ready_names_the_protocol(wire: Wire) -> None:
    wire.host.announce()
    assert wire.sent[0]["method"] == "ready" and wire.sent[0]["params"]["protocol"] == 4


async def test_a_cell_is_answered_after_its_output(wire: Wire) -> None:
    code = "import sys\nx = 5\nprint('out \\ud800')\nprint('err', file=sys.stderr)\nx\n1 / 0"
    result = await wire.execute(code)
    assert result["error"].endswith("ZeroDivisionError: division by zero")
    assert (result["pending"], result["variables"], result["values"]) == ([], ["x"], ["5"])
    printed = {"stdout": "", "stderr": ""}
    for one in wire.of("output"):
        printed[one["params"]["stream"]] += one["params"]["text"]
        assert one["params"]["omitted"] == 0
    assert printed == {"stdout": "out \\ud800\n", "stderr": "err\n"}


@pytest.mark.parametrize(
    "code", ["raise ValueError('\ud800')", "globals()['\ud800'] = 1", "'\ud800'"]
)
async def test_what_the_host_is_told_has_no_lone_surrogates(wire: Wire, code: str) -> None:
    await wire.execute(code)
    for message in wire.sent:
        json.dumps(message, ensure_ascii=False).encode()


async def test_random_numbers_follow_from_the_seed(wire: Wire) -> None:
    state = random.getstate()
    try:
        wire.host.receive(json.dumps({"id": 3, "method": "seed", "params": {"seed": 7}}), None)
        assert random.random() == random.Random(7).random()
    finally:
        random.setstate(state)
    assert wire.sent == [{"jsonrpc": "2.0", "id": 3, "result": {}}]


@pytest.mark.parametrize(
    ("kind", "payload", "value"),
    [
        ("utf8", "a\ud83d\ude00".encode("utf-8", "surrogatepass"), "a\ud83d\ude00"),
        ("bytes", b"\0\xff", b"\0\xff"),
        ("value", encode({1: (2,)}), {1: (2,)}),
    ],
)
async def test_an_assigned_value_is_there(
    wire: Wire, kind: str, payload: bytes, value: object
) -> None:
    about = {"at": "params.value", "kind": kind}
    message = {"id": 3, "method": "assign", "params": {"name": "context"}, "payload": about}
    wire.host.receive(json.dumps(message), payload)
    assert wire.host.repl.namespace["context"] == value
    assert wire.sent == [{"jsonrpc": "2.0", "id": 3, "result": {}}]


async def test_a_sub_call_starts_at_once_and_gives_its_answer(wire: Wire) -> None:
    first = wire.llm_query("p")
    second = wire.llm_query("q", {"a": 1}, model="fast", recursive=True)
    assert [one["params"] for one in wire.sent] == [
        {"model": None, "recursive": None, "answer_schema": None},
        {"model": "fast", "recursive": True, "answer_schema": None},
    ]
    assert wire.sent[0]["payload"] == {"at": "params.call", "kind": "value"}
    assert [decode(data) for data in wire.payloads if data] == [["p"], ["q", {"a": 1}]]
    wire.answer(second.number, {1: 2})
    wire.answer(first.number, None)
    assert (await first, await second, first.result()) == (None, {1: 2}, None)


async def test_a_schema_goes_as_text_and_a_type_that_is_none_is_refused(wire: Wire) -> None:
    wire.llm_query("p", schema=list[str])
    text = '{"type": "array", "items": {"type": "string"}}'
    assert wire.sent[0]["params"]["answer_schema"] == text
    with pytest.raises(TypeError, match=r"does not take set; it takes str, int"):
        wire.llm_query("p", schema=set[str])
    with pytest.raises(TypeError, match=r"does not take set; it takes str, int"):
        await wire.llm_query_batched(["p", "q"], schema=set[str])
    assert len(wire.sent) == 1


async def test_a_failed_sub_call_raises_with_reason_and_partial(wire: Wire) -> None:
    call = wire.llm_query("p")
    wire.fail(call.number, "it failed", ["half"])
    with pytest.raises(LLMQueryError, match="it failed") as caught:
        await call
    assert (caught.value.stop_reason, caught.value.partial) == ("max_calls", ["half"])
    bare = wire.llm_query("p")
    wire.fail(bare.number, "it failed")
    with pytest.raises(LLMQueryError) as caught:
        await bare
    assert caught.value.partial is None


@pytest.mark.filterwarnings("error")
async def test_a_failed_call_that_nobody_awaits_is_silent(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.fail(wire.llm_query("p").number, "it failed")
    await asyncio.sleep(0)
    assert caplog.records == []


async def test_pending_calls_are_named_until_they_have_an_answer(wire: Wire) -> None:
    result = await wire.execute("a = llm_query('short')\nb = llm_query('\\ud800' * 61)")
    assert result["pending"] == ["llm_query('short')", f"llm_query({chr(0xD800) * 60!r}…)"]
    wire.answer(0, "done")
    assert len((await wire.execute("1"))["pending"]) == 1
    for _ in range(30):
        wire.llm_query("more")
    assert len((await wire.execute("1"))["pending"]) == 20


@pytest.mark.parametrize("prompt", [5, None, b"p", ["p"]])
async def test_a_prompt_that_is_no_text_is_refused(wire: Wire, prompt: Any) -> None:
    with pytest.raises(TypeError, match=f"str, not {type(prompt).__name__}; give data as context"):
        wire.llm_query(prompt)
    assert wire.sent == []


async def test_a_context_that_cannot_be_sent_is_refused_at_the_call(wire: Wire) -> None:
    with pytest.raises(UnsendableError, match=r"\['f'\]: a function cannot be sent"):
        wire.llm_query("p", {"f": lambda: 1})
    assert wire.sent == []


async def test_a_cancelled_call_is_cancelled_on_the_host_once(wire: Wire) -> None:
    call = wire.llm_query("p")
    assert call.cancel() and not call.cancel()
    assert [one["params"] for one in wire.of("cancel")] == [{"id": call.number}]
    wire.answer(call.number, "late")
    assert call.cancelled()
    done = wire.llm_query("p")
    wire.answer(done.number, 1)
    assert not done.cancel()
    assert len(wire.of("cancel")) == 1


async def test_calls_beyond_a_thousand_wait_for_their_turn(wire: Wire) -> None:
    calls: list[Call] = [wire.llm_query(str(n)) for n in range(1005)]
    assert len(wire.of("llm_query")) == 1000
    calls[1000].cancel()
    assert wire.of("cancel") == [], "nobody has heard of it yet"
    assert len((await wire.execute("1"))["pending"]) == 20
    wire.answer(calls[0].number, "a")
    assert wire.of("llm_query")[-1]["id"] == calls[1001].number
    calls[1].cancel()
    wire.fail(calls[2].number, "no")
    assert [one["id"] for one in wire.of("llm_query")[-3:]] == [c.number for c in calls[1001:1004]]
    assert await calls[0] == "a"


async def settle(wire: Wire, run: Any, act: Callable[[], None]) -> Any:
    """Run something that makes calls, and act once they are made."""
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(run)
        while not wire.of("llm_query"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        act()
    return task.result()


async def test_a_batch_gives_its_answers_in_order(wire: Wire) -> None:
    run = wire.llm_query_batched(
        ["a", "b", "c"], [1, None, 3], schema={"type": "null"}, model="fast", recursive=False
    )

    def act() -> None:
        assert [decode(data) for data in wire.payloads if data] == [["a", 1], ["b"], ["c", 3]]
        assert {str(one["params"]) for one in wire.sent} == {
            "{'model': 'fast', 'recursive': False, 'answer_schema': '{\"type\": \"null\"}'}"
        }
        for number in (2, 0, 1):
            wire.answer(number, number * 10)

    assert await settle(wire, run, act) == [0, 10, 20]


@pytest.mark.parametrize("return_exceptions", [False, True])
async def test_a_batch_that_fails_in_part_keeps_its_answers(
    wire: Wire, return_exceptions: bool
) -> None:
    async def run() -> Any:
        try:
            return await wire.llm_query_batched(
                ["a", "b", "c"], return_exceptions=return_exceptions
            )
        except LLMQueryError as exc:
            return exc

    def act() -> None:
        wire.answer(0, "A")
        wire.fail(2, "first to fail", "half")
        wire.fail(1, "second to fail")

    result = await settle(wire, run(), act)
    if not return_exceptions:
        assert isinstance(result, LLMQueryError) and result.stop_reason == "max_calls"
        assert str(result) == "2 of 3 sub-calls failed, first: second to fail"
        result = result.results
    assert result[0] == "A" and str(result[1]) == "second to fail" and result[2].partial == "half"


async def test_a_batch_is_given_as_lists_of_one_length(wire: Wire) -> None:
    with pytest.raises(TypeError, match="takes a list of prompts, not one str"):
        await wire.llm_query_batched("abc")
    with pytest.raises(ValueError, match="got 2 prompts, 1 contexts"):
        await wire.llm_query_batched(["a", "b"], [1])
    assert wire.sent == []
    assert await wire.llm_query_batched([]) == []


async def test_final_asks_with_its_value_and_raises_when_rejected(wire: Wire) -> None:
    for value, kind in [("x\ud800", "utf8"), (b"x", "bytes"), ({1: 2}, "value"), (None, "value")]:
        with pytest.raises(AnswerRejectedError, match="not good enough"):
            wire.FINAL(value)
        message, payload = wire.asked[-1]
        assert (message["method"], message["payload"]["kind"]) == ("final", kind)
        assert payload is not None
        if kind == "value":
            assert decode(payload) == value
    assert wire.asked[0][1] == b"x\xed\xa0\x80"


async def test_a_final_that_cannot_be_sent_asks_nothing(wire: Wire) -> None:
    with pytest.raises(UnsendableError, match=r"Cannot send answer\[0\]: a function"):
        wire.FINAL([lambda: 1])
    assert wire.asked == []


async def test_what_was_printed_is_sent_before_the_answer(wire: Wire) -> None:
    wire.host.stdout.write("goes at once")
    wire.host.stdout.write("no line end")
    with pytest.raises(AnswerRejectedError):
        wire.FINAL(1)
    assert wire.of("output")[-1]["params"]["text"] == "no line end"


async def test_final_var_takes_a_variable_by_name(wire: Wire) -> None:
    wire.host.repl.provide("context", "given")
    await wire.execute("result = {1}\nother = 2\nglobals()[5] = 1")
    for name, value in [("result", {1}), ("context", "given")]:
        with pytest.raises(AnswerRejectedError):
            wire.FINAL_VAR(name)
        message, payload = wire.asked[-1]
        assert payload is not None
        text = message["payload"]["kind"] == "utf8"
        assert (payload.decode() if text else decode(payload)) == value
    await wire.execute("_private = 3")
    with pytest.raises(AnswerRejectedError):
        wire.FINAL_VAR("_private")
    del wire.asked[:]
    with pytest.raises(NameError, match=r"no variable 'resul'; .*\['context', 'other', 'result'\]"):
        wire.FINAL_VAR("resul")
    with pytest.raises(NameError, match="no variable 'llm_query'"):
        wire.FINAL_VAR("llm_query")
    with pytest.raises(UnsendableError, match="a method cannot be sent"):
        wire.FINAL_VAR(wire.FINAL)
    assert wire.asked == []


async def test_show_vars_and_limits(wire: Wire) -> None:
    wire.verdict = {"result": {"calls": 3, "cost": None}}
    await wire.execute("rows = [1, 2]\nn = 1")
    assert wire.SHOW_VARS() == {"rows": "list, 2", "n": "int"}
    assert wire.limits() == {"calls": 3, "cost": None}
    assert wire.asked[0][0]["method"] == "limits" and wire.asked[0][1] is None


async def test_a_payload_that_javascript_has_no_room_for_fails_that_call_only(wire: Wire) -> None:
    send = wire.host._send

    def refuse(text: str, payload: bytes | None) -> None:
        if payload is not None and len(payload) > 1000:
            raise RuntimeError("Conversion failed")
        send(text, payload)

    wire.host._send = refuse
    large, small = wire.llm_query("large", "x" * 2000), wire.llm_query("small")
    with pytest.raises(LLMQueryError, match="does not fit into the memory"):
        await large
    assert (await wire.execute("1"))["pending"] == ["llm_query('small')"]
    wire.answer(small.number, 5)
    assert await small == 5
