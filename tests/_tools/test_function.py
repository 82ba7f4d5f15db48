"""Functions as tools: what may be one, what it takes, what comes of a call."""

from __future__ import annotations

import asyncio
import enum
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import pytest
from pydantic import BaseModel, Field

from rlm_runtime._errors import ConfigError
from rlm_runtime._tools.base import ToolError
from rlm_runtime._tools.function import Tool
from rlm_runtime._values import UnsendableError, encode

pytestmark = pytest.mark.anyio

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Colour(enum.Enum):
    RED = "red"


class Report(BaseModel):
    title: str
    pages: int = 1


@dataclass
class Point:
    x: int
    y: int = 0


def search(query: str, limit: int = 5, *, exact: bool = False) -> list[str]:
    """Search the library.

    It takes a while.
    """
    return [query] * limit


async def fetch(url: str) -> bytes:
    """Fetch a page."""
    return url.encode()


class Shelf:
    """Keeps books."""

    def find(self, title: str) -> str:
        """Find a book here."""
        return title

    async def __call__(self, count: int) -> int:
        return count


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


SEARCH = "(query: str, limit: int = 5, *, exact: bool = False) -> list[str]"
TOOLS: dict[str, tuple[Callable[[], Tool], str, str, str]] = {
    "a function": (lambda: Tool(search), "search", SEARCH, "Search the library."),
    "an async one": (lambda: Tool(fetch), "fetch", "(url: str) -> bytes", "Fetch a page."),
    "a method": (
        lambda: Tool(Shelf().find),
        "find",
        "(title: str) -> str",
        "Find a book here.",
    ),
    "a partial": (
        lambda: Tool(partial(search, "x"), name="search_x"),
        "search_x",
        "(limit: int = 5, *, exact: bool = False) -> list[str]",
        "Search the library.",
    ),
    "an object": (lambda: Tool(Shelf(), name="shelf"), "shelf", "(count: int) -> int", "Keeps"),
    "a wrapped one": (lambda: Tool(decorated(search)), "search", SEARCH, "Search the library."),
    "a lambda": (lambda: Tool(lambda a, b=2: a, name="first"), "first", "(a, b=2)", ""),
    "renamed": (
        lambda: Tool(fetch, name="get", description="Get it."),
        "get",
        "(url: str) -> bytes",
        "Get it.",
    ),
}


@pytest.mark.parametrize(("make", "name", "signature", "doc"), TOOLS.values(), ids=TOOLS.keys())
def test_a_tool_tells_what_it_is(
    make: Callable[[], Tool], name: str, signature: str, doc: str
) -> None:
    tool = make()
    assert (tool.name, tool.signature) == (name, signature)
    assert tool.doc.startswith(doc)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no function": (lambda: Tool(5), "5 as a tool: it is not a function"),  # type: ignore[arg-type]
    "a class": (lambda: Tool(Report), "it is not a function"),
    "a lambda's own name": (lambda: Tool(lambda: 1), "named '<lambda>'"),
    "a keyword": (lambda: Tool(search, name="class"), "named 'class'"),
    "no identifier": (lambda: Tool(search, name="a-b"), "named 'a-b'"),
    "a private name": (lambda: Tool(search, name="_a"), "named '_a'"),
    "a builtin": (lambda: Tool(search, name="print"), "named 'print'"),
    **{
        name: (partial(Tool, search, name=name), f"named {name!r}")
        for name in ("context", "query", "FINAL", "llm_query", "limits", "ToolError")
    },
    "an unknown annotation": (lambda: Tool(unknown), "Cannot use unknown as a tool: name 'Nothing"),
}


def unknown(a: Nothing) -> None:  # type: ignore[name-defined]  # noqa: F821  # so it is
    """Take what is not there."""


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_be_no_tool_is_a_config_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


def takes(a: int, b: Literal["x", "y"] = "x", *rest: float, c: Report | None = None) -> list[Any]:
    return [a, b, rest, c]


def points(many: list[Point], colour: Colour = Colour.RED) -> list[Any]:
    return [many, colour]


def bounded(n: Annotated[int, Field(ge=1)], **more: int) -> list[Any]:
    return [n, more]


def free(value: Any, path: Path = Path("/home/someone"), sequence: Sequence[int] = ()) -> object:
    return [type(value).__name__, str(path), list(sequence)]


VALID: list[tuple[Callable[..., Any], list[Any], dict[str, Any], object]] = [
    (takes, [1], {}, [1, "x", (), None]),
    (takes, ["2", "y", 1, 2.5], {}, [2, "y", (1.0, 2.5), None]),
    (takes, [], {"a": 3, "c": {"title": "t"}}, [3, "x", (), {"title": "t", "pages": 1}]),
    (points, [[{"x": 1}, {"x": 2, "y": 3}]], {}, [[Point(1), Point(2, 3)], Colour.RED]),
    (points, [[]], {"colour": "red"}, [[], Colour.RED]),
    (bounded, [1], {"x": 2}, [1, {"x": 2}]),
    (free, [{1, 2}], {"sequence": [1, 2]}, ["set", "/home/someone", [1, 2]]),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "expected"), VALID)
async def test_arguments_are_validated_and_converted(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], expected: object
) -> None:
    result = await Tool(function).call(args, kwargs)
    assert result == expected
    # All of it can be sent
    encode(result)


INVALID: list[tuple[Callable[..., Any], list[Any], dict[str, Any], str]] = [
    (takes, [], {}, "missing a required argument: 'a'"),
    (takes, [1], {"d": 2}, "got an unexpected keyword argument 'd'"),
    (takes, [1], {"a": 2}, "multiple values for argument 'a'"),
    (takes, ["one"], {}, "takes(): a: Input should be a valid integer"),
    (takes, [1, "z"], {}, "takes(): b: Input should be 'x' or 'y'"),
    (takes, [1, "x", 1, "two"], {}, "takes(): rest: Input should be a valid number"),
    (takes, [1], {"c": {"pages": "many"}}, "c['title']: Field required; c['pages']: Input should"),
    (points, [[{"y": 1}]], {}, "many[0]['x']: Field required"),
    (points, [[], "blue"], {}, "colour: Input should be 'red'"),
    (bounded, [0], {}, "n: Input should be greater than or equal to 1"),
    (bounded, [1], {"x": "y"}, "x: Input should be a valid integer"),
    (bounded, [1], {f"k{n}": "y" for n in range(50)}, "; and 45 more"),
    (search, ["q", 1, True], {}, f"search{SEARCH}: too many positional arguments"),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), INVALID)
async def test_a_wrong_argument_is_an_error_that_names_it(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError) as caught:
        await Tool(function).call(args, kwargs)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000 and "pydantic" not in str(caught.value)


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


RAISED: list[tuple[BaseException, str]] = [
    (ValueError("no such thing"), "fail() raised ValueError: no such thing"),
    (KeyError("x"), "fail() raised KeyError: 'x'"),
    (RuntimeError(), "fail() raised RuntimeError"),
    (FileNotFoundError(2, "No such file", "/home/someone/secret"), "FileNotFoundError: No such fi"),
    (StopIteration(1), "fail() raised RuntimeError"),
    (TimeoutError("slow"), "fail() raised TimeoutError: slow"),
    (SystemExit(3), "fail() raised RuntimeError: SystemExit"),
    (ValueError("x" * 10_000), "xxx"),
]


# On the event loop SystemExit ends the program, as it does anywhere else
WAYS = [
    (error, message, is_async)
    for error, message in RAISED
    for is_async in (False, isinstance(error, Exception))
]


@pytest.mark.parametrize(("error", "message", "is_async"), WAYS)
async def test_what_it_raises_is_told_without_the_host_s_paths(
    error: BaseException, message: str, is_async: bool
) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(ToolError) as caught:
        await Tool(fail if is_async else raising(error), name="fail").call([], {})
    told = str(caught.value)
    assert message in told
    assert "/home" not in told and __file__ not in told and len(told) < 3000


async def test_a_function_runs_in_a_thread_and_an_async_one_on_the_loop() -> None:
    def where() -> tuple[int, str]:
        return threading.get_ident(), WHO.get()

    async def here() -> tuple[int, str]:
        return where()

    WHO.set("the caller")
    this = threading.get_ident()
    in_thread, on_loop = await Tool(where).call([], {}), await Tool(here).call([], {})
    assert on_loop == (this, "the caller")
    assert in_thread != on_loop and "the caller" in str(in_thread)


async def test_a_function_that_gives_an_awaitable_is_awaited() -> None:
    assert await Tool(decorated(fetch)).call(["x"], {}) == b"x"


async def test_pydantic_models_come_as_dicts_at_any_depth() -> None:
    def give() -> object:
        return {"a": [Report(title="t"), (Report(title="u", pages=2),)], 1: "x"}

    plain = {"a": [{"title": "t", "pages": 1}, ({"title": "u", "pages": 2},)], 1: "x"}
    assert await Tool(give).call([], {}) == plain


async def test_an_async_tool_that_is_cancelled_stops() -> None:
    stopped = anyio.Event()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    with anyio.move_on_after(0.01):
        await Tool(wait).call([], {})
    assert stopped.is_set()


async def test_a_thread_that_is_left_behind_is_counted_until_it_ends() -> None:
    may_end = threading.Event()
    tool = Tool(may_end.wait, name="hangs")
    before = threading.active_count()
    for _ in range(8):
        with anyio.move_on_after(0.01) as scope:
            await tool.call([], {})
        assert scope.cancelled_caught
    assert threading.active_count() == before + 8
    with pytest.raises(ToolError, match=r"Cannot call hangs\(\): 8 earlier calls took too long"):
        await tool.call([], {})
    may_end.set()
    with anyio.fail_after(5):
        while threading.active_count() > before:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)
    assert await tool.call([], {}) is True


class SilentError(Exception):
    def __str__(self) -> str:
        raise ValueError("nothing to say")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncio.CancelledError(), r"odd\(\) raised CancelledError"),
        (SystemExit(2), r"odd\(\) raised SystemExit: 2"),
        (SilentError(), r"odd\(\) raised SilentError"),
    ],
)
async def test_no_exception_of_a_function_gets_further_than_its_call(
    error: BaseException, said: str
) -> None:
    async def odd() -> None:
        raise error

    with pytest.raises(ToolError, match=said):
        await Tool(odd).call([], {})


async def test_a_call_that_is_cancelled_stays_cancelled() -> None:
    with anyio.move_on_after(0.01) as scope:
        await Tool(anyio.sleep_forever, name="waits").call([], {})
    assert scope.cancelled_caught


async def test_a_result_that_is_in_itself_is_the_codec_to_refuse() -> None:
    knot: list[Any] = []
    knot += [knot] * 2

    def tie() -> list[Any]:
        return knot

    with anyio.fail_after(10):
        result = await Tool(tie).call([], {})
    with pytest.raises(UnsendableError):
        encode(result)


def test_a_thread_that_is_left_behind_does_not_outlive_its_event_loop_in_anger() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def hang() -> None:
        may_end.wait()
        ended.set()

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await Tool(hang).call([], {})

    failed: list[object] = []
    threading.excepthook, hook = failed.append, threading.excepthook
    try:
        asyncio.run(main())
        may_end.set()
        assert ended.wait(5)
    finally:
        threading.excepthook = hook
    assert failed == []


async def test_a_result_that_is_nested_too_deep_is_left_to_the_codec() -> None:
    nested: list[object] = []
    for _ in range(20_000):
        nested = [nested]

    def deep() -> list[object]:
        return nested

    result = await Tool(deep, name="deep").call([], {})
    assert isinstance(result, list) and len(result) == 1
