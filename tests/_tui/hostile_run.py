"""Events of traces that nobody's runtime wrote: every text hostile, every number wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from itertools import cycle

from rlm_runtime._events import (
    EVENT_TYPES,
    Event,
    NodeStarted,
    RunStarted,
    SubCallStarted,
)
from tests.hostile_text import ALL

MARKUP = "[/b][red]x[/][@click=app.bell]y[/][link=http://evil.example]z[/link] {0} %s"
FLOOD = "a" + "\u0301" * 500 + "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 30 + "漢字" * 40
TEXT = f"{MARKUP} {ALL} {FLOOD}\n```python\n{ALL}\n```\n{ALL}"
_NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 1e308, 0.0, 5e-324)
_RELATIONS = {"node", "parent", "sub_call", "call", "iteration", "block", "attempt", "depth"}


def hostile_events() -> Iterator[Event]:
    """Give every kind of event, three times: all that can be wrong in it is."""
    numbers = cycle(_NUMBERS)
    yield _make(RunStarted, 0, numbers)
    yield NodeStarted(node=0, parent=None, depth=0, model=TEXT, query=TEXT, context=TEXT)
    yield NodeStarted(node=1, parent=0, depth=-1, model=TEXT, query=TEXT, context=TEXT)
    for round_number in range(3):
        for kind in EVENT_TYPES.values():
            if kind is not RunStarted:
                yield _make(kind, round_number, numbers)


def _make(kind: type[Event], number: int, numbers: Iterator[float]) -> Event:
    values: dict[str, object] = {}
    for one in fields(kind):
        if one.name in ("kind", "seq"):
            continue
        if one.name in _RELATIONS and "int" in str(one.type):
            values[one.name] = number % 2
        else:
            values[one.name] = _value(one.name, str(one.type), numbers)
    return kind(**values)  # type: ignore[arg-type]  # the fields of any kind of event


def _value(name: str, kind: str, numbers: Iterator[float]) -> object:
    if kind.startswith("dict"):
        return {TEXT: next(numbers), "": None}
    if kind.startswith("tuple[dict"):
        return ({"role": TEXT, "content": TEXT}, {"role": "user", "content": f"{TEXT}\n" * 20}, {})
    if kind.startswith("tuple"):
        return (TEXT, "x\x1b[2J")
    if name.endswith("_ref"):
        return ""
    if "float" in kind:
        return next(numbers)
    if "int" in kind:
        return -(10**15)
    return True if kind == "bool" else TEXT


def chain(length: int) -> Iterator[Event]:
    """Give nodes of which each is the child of the one before."""
    for node in range(length):
        parent = node - 1 if node else None
        yield NodeStarted(
            node=node, parent=parent, depth=node, model="m", query=f"node {node}", context="str"
        )


def circle() -> Iterator[Event]:
    """Give nodes that are each other's parents, and their own."""
    for node, parent in ((0, 1), (1, 2), (2, 0), (3, 3), (0, 2), (1, 1)):
        yield NodeStarted(
            node=node, parent=parent, depth=0, model="m", query="round", context="", sub_call=node
        )
        yield SubCallStarted(
            node=node,
            sub_call=node,
            iteration=0,
            key="",
            prompt="round",
            context="",
            recursive=True,
            model="m",
        )


def siblings(count: int) -> Iterator[Event]:
    """Give one node with many children."""
    yield NodeStarted(node=0, parent=None, depth=0, model="m", query="all", context="")
    for number in range(count):
        yield SubCallStarted(
            node=0,
            sub_call=number,
            iteration=1,
            key="",
            prompt=f"part {number}",
            context="",
            recursive=number % 3 == 0,
            model=f"m{number % 2}",
        )
