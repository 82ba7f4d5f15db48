"""Every limit has its option and its variable."""

from __future__ import annotations

import dataclasses
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli.limit_options import limit_options, make_limits
from rlm_runtime._limits import Limits


@click.command()
@limit_options
def show(**options: int | float | str | None) -> None:
    click.echo(repr(make_limits(options)))


def invoke(*args: str, **variables: str) -> Result:
    return CliRunner().invoke(show, args, env=variables)


def test_without_options_the_limits_are_the_defaults() -> None:
    assert invoke().stdout == f"{Limits()!r}\n"


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: str(field.name))
def test_each_limit_can_be_set_both_ways(field: dataclasses.Field[object]) -> None:
    value: Any = 901 if "int" in str(field.type) else 901.5
    if field.name == "max_node_share":
        value = 0.25
    expected = f"{Limits(**{field.name: value})!r}\n"
    assert invoke(f"--{field.name.replace('_', '-')}", str(value)).stdout == expected
    assert invoke(**{f"RLM_{field.name.upper()}": str(value)}).stdout == expected


def test_option_wins_over_variable() -> None:
    assert invoke("--max-calls", "3", RLM_MAX_CALLS="4").stdout == f"{Limits(max_calls=3)!r}\n"


def test_none_lifts_a_limit_that_can_be_lifted() -> None:
    assert invoke("--max-calls", "none").stdout == f"{Limits(max_calls=None)!r}\n"
    assert invoke("--max-depth", "none").exit_code == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--max-calls", "many"], "'many' is not a whole number, or none"),
        (["--max-depth", "1.5"], "'1.5' is not a whole number"),
        (["--max-cell-seconds", "x"], "'x' is not a number"),
        (["--max-depth", "-1"], "Cannot set max_depth to -1: it must be a whole number, 0 or more"),
        (["--max-cost", "$1"], "'$1' is not a number, or none"),
        (["--max-cost", "-1"], "Cannot set max_cost to -1.0: it must be 0 or more"),
        (["--max-node-share", "2"], "Cannot set max_node_share to 2.0: it must be from 0.001 to 1"),
        (["--max-seconds", "nan"], "Cannot set max_seconds to nan: it must be 0.001 or more"),
    ],
)
def test_value_that_makes_no_sense_is_a_usage_error(args: list[str], message: str) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert message in result.stderr


def test_help_tells_what_each_limit_means() -> None:
    words = " ".join(invoke("--help").stdout.split())
    assert "Model calls in the whole tree. [default: 1000]" in words
    assert "US dollars that the whole tree may cost. [default: none]" in words
    assert "Seconds of wall time for the run. [default: none]" in words
