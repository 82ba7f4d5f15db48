"""Every limit has its bounds, and says them."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._limits import Limits

WHOLE = {
    "max_depth": 0,
    "max_iterations": 1,
    "max_calls": 1,
    "max_tokens": 1,
    "max_tool_calls": 1,
    "max_nodes": 1,
    "max_concurrency": 1,
    "max_attempts": 1,
    "max_sandboxes": 1,
    "max_memory_mb": 64,
    "max_observation_chars": 200,
}
REAL = {
    "max_cost": 0,
    "max_retry_seconds": 0.001,
    "max_seconds": 0.001,
    "max_cell_seconds": 0.001,
    "max_tool_seconds": 0.001,
}
SHARES = {"max_node_share": 0.001}
OPTIONAL = (
    "max_calls",
    "max_tokens",
    "max_cost",
    "max_nodes",
    "max_retry_seconds",
    "max_seconds",
    "max_tool_calls",
)


def make(name: str, value: object) -> Limits:
    return Limits(**{name: value})  # type: ignore[arg-type]  # a test of what the types forbid


def refusal(name: str, value: object) -> str:
    with pytest.raises(ConfigError) as caught:
        make(name, value)
    return str(caught.value)


def test_the_tables_here_name_every_limit() -> None:
    assert {field.name for field in fields(Limits)} == {*WHOLE, *REAL, *SHARES}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_number(name: str) -> None:
    least = WHOLE[name]
    for value in (least, 10**9):
        assert getattr(make(name, value), name) == value
    for wrong in (least - 1, least + 0.5, math.nan, math.inf, True, str(least)):
        assert refusal(name, wrong) == (
            f"Cannot set {name} to {wrong!r}: it must be a whole number, {least} or more"
        )


@pytest.mark.parametrize("name", REAL)
def test_real_number(name: str) -> None:
    least = REAL[name]
    for value in (least, 0.001, 1, 2.5):
        assert getattr(make(name, value), name) == value
    for wrong in (least - 0.001, -1.0, math.nan, math.inf, True, "1"):
        assert refusal(name, wrong) == f"Cannot set {name} to {wrong!r}: it must be {least} or more"


@pytest.mark.parametrize("name", SHARES)
def test_share(name: str) -> None:
    for value in (0.001, 0.5, 1):
        assert getattr(make(name, value), name) == value
    for wrong in (0, 1.001, -1.0, math.nan, math.inf, True, "1"):
        assert refusal(name, wrong) == (
            f"Cannot set {name} to {wrong!r}: it must be from 0.001 to 1"
        )


@pytest.mark.parametrize("name", [*WHOLE, *REAL, *SHARES])
def test_none_is_no_limit_where_there_can_be_none(name: str) -> None:
    if name in OPTIONAL:
        assert getattr(make(name, None), name) is None
    else:
        assert f"Cannot set {name} to None" in refusal(name, None)
