"""Tools as generated code sees them, without a sandbox."""

from __future__ import annotations

import inspect
import json
import pydoc
from typing import Any

import pytest
from bootstrap.errors import LLMQueryError, ToolError
from bootstrap.tools import make_tool, parse_signature

from rlm_runtime._tools.base import RESERVED
from rlm_runtime._values import UnsendableError, decode
from tests.bootstrap.test_host import Wire

pytestmark = pytest.mark.anyio

SEARCH = {"name": "search", "signature": "(query: str, *, limit=5) -> list[str]", "doc": "Search."}


@pytest.fixture
async def wire() -> Wire:
    """Give a host that has one tool."""
    wire = Wire()
    message = {"id": 7, "method": "tools", "params": {"tools": [SEARCH]}}
    wire.host.receive(json.dumps(message), None)
    assert wire.sent == [{"jsonrpc": "2.0", "id": 7, "result": {}}]
    wire.sent.clear()
    return wire


def search(wire: Wire) -> Any:
    return wire.host.repl.namespace["search"]


SIGNATURES = [
    "()",
    "(a, b: int, c: str = 'x')",
    "(a: int, /, b=None, *rest: float, c: bool, d: list[int] | None = ..., **more) -> dict",
    "(*, a: Literal['x', 'y'] = 'x')",
    "(a, /)",
]


@pytest.mark.parametrize("text", SIGNATURES)
def test_a_signature_reads_as_it_was_written(text: str) -> None:
    assert str(parse_signature(text)) == text


def test_nothing_of_a_signature_is_run() -> None:
    text = "(a: print('ran') = exit(3)) -> open('x')"
    assert str(parse_signature(text)) == text


@pytest.mark.parametrize("text", ["", "(a", "(a): pass\ndef g()", "(a=1, b)"])
def test_what_is_no_signature_is_an_error(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        parse_signature(text)


def test_a_tool_looks_like_the_function_that_it_stands_for() -> None:
    tool = make_tool(lambda *given: given, **SEARCH)
    assert (tool.__name__, tool.__doc__) == ("search", "Search.")
    assert str(inspect.signature(tool)) == SEARCH["signature"]
    assert tool("q", limit=2) == ("search", ("q",), {"limit": 2})
    told = pydoc.plain(pydoc.render_doc(tool))
    assert "search(query: str, *, limit=5) -> list[str]\n    Search." in told


async def test_a_call_starts_at_once_and_gives_its_result(wire: Wire) -> None:
    call = search(wire)("q", limit=2)
    (message,) = wire.of("tool")
    assert message["params"] == {"name": "search"}
    assert message["payload"] == {"at": "params.call", "kind": "value"}
    assert [decode(data) for data in wire.payloads if data] == [[["q"], {"limit": 2}]]
    wire.answer(call.number, {1: 2})
    assert (await call, call.result()) == ({1: 2}, {1: 2})


async def test_a_failed_call_is_an_error_of_its_own(wire: Wire) -> None:
    call = search(wire)("q")
    message = {"id": call.number, "error": {"message": "ValueError: no", "data": {}}}
    wire.host.receive(json.dumps(message), None)
    with pytest.raises(ToolError, match="^ValueError: no$") as caught:
        await call
    assert not isinstance(caught.value, LLMQueryError)
    assert wire.host.repl.namespace["ToolError"] is ToolError


async def test_a_cancelled_call_is_cancelled_on_the_host(wire: Wire) -> None:
    call = search(wire)("q")
    assert call.cancel()
    assert [one["params"] for one in wire.of("cancel")] == [{"id": call.number}]


async def test_a_call_that_nobody_awaits_is_named(wire: Wire) -> None:
    assert (await wire.execute("c = search('q')"))["pending"] == ["search(…)"]


async def test_an_argument_that_cannot_be_sent_is_refused_at_the_call(wire: Wire) -> None:
    with pytest.raises(UnsendableError, match=r"\[0\]\[0\]: a function cannot be sent"):
        search(wire)(lambda: 1)
    assert wire.sent == []


async def test_a_name_that_the_code_rebinds_comes_back_as_the_context_does(wire: Wire) -> None:
    tool = search(wire)
    await wire.execute("search = 5\nllm_query = 6")
    assert set(wire.host.repl.variable_names()) == {"search", "llm_query"}
    await wire.execute("1")
    assert search(wire) is tool and wire.host.repl.namespace["llm_query"] == 6
    await wire.execute("del search")
    await wire.execute("1")
    assert search(wire) is tool


async def test_no_tool_may_have_a_name_of_the_repl() -> None:
    assert set(Wire().provided) <= RESERVED and {"context", "query", "ToolError"} <= RESERVED
