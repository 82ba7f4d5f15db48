"""Options from the trace of a run, which anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from rlm_runtime._cli.limit_options import make_limits
from rlm_runtime._cli.recorded import fill_in, fill_in_limits, missing_members, read_run
from rlm_runtime._cli.settings import setting_options
from rlm_runtime._errors import ConfigError, InputError
from rlm_runtime._events import NodeStarted, RunResumed, RunStarted
from rlm_runtime._limits import Limits
from tests.traces import write_trace

SETTINGS: dict[str, object] = {
    "model": {
        "name": "openai/m",
        "temperature": 0.5,
        "seed": 3,
        "price": {"prompt": 1, "completion": 2, "cached": 0.5},
        "extra": ["top_k", "user"],
    },
    "sub_models": [{"name": "s"}, {"name": "t"}],
    "models": {"fast": {"name": "q"}},
    "base_url": "http://host/v1",
    "packages": ["attrs"],
    "spare_sandboxes": 0,
    "child_tools": "none",
}
HAD = {
    "model": "openai/m",
    "sub_models": ("s", "t"),
    "aliases": ("fast=q",),
    "prices": ("openai/m=1/2/0.5",),
    "temperature": 0.5,
    "seed": 3,
    "packages": ("attrs",),
    "spare_sandboxes": 0,
    "child_tools": "none",
}


def filled_in(settings: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """Give the options of a command that fills in what a trace says."""
    found: dict[str, Any] = {}

    @click.command
    @setting_options
    @click.pass_context
    def command(ctx: click.Context, /, **options: Any) -> None:
        fill_in(ctx, options, settings)
        found.update(options)

    command.main(list(arguments), standalone_mode=False)
    return found


def started(**fields: Any) -> RunStarted:
    given = {"limits": {}, **fields}
    return RunStarted(run="r", version="1", query="q", model="m", sub_model="m", **given)


def test_what_is_not_given_is_as_it_was() -> None:
    found = filled_in(SETTINGS)
    assert {name: found[name] for name in HAD} == HAD


def test_options_and_variables_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLM_SPARE_SANDBOXES", "2")
    found = filled_in(SETTINGS, "-m", "new", "--child-tools", "same", "--seed", "9")
    changed = {
        "model": "new",
        "child_tools": "same",
        "seed": 9,
        "spare_sandboxes": 2,
        "prices": (),
    }
    assert {name: found[name] for name in HAD} == HAD | changed


def test_what_makes_no_sense_is_left_out() -> None:
    nonsense: dict[str, Any] = {
        "model": {"name": 3, "temperature": "hot", "seed": True, "price": {"prompt": "x"}},
        "sub_models": [4, {"name": ["x"]}],
        "models": {"fast": {"name": 3}, "slow": 4},
        "base_url": {},
        "packages": "attrs",
        "spare_sandboxes": -1,
        "prompts": "/no/such/folder",
        "child_tools": ["x"],
    }
    assert filled_in(nonsense) == filled_in({})
    assert filled_in(json.loads('{"model": [], "sub_models": {}, "models": []}')) == filled_in({})


def test_members_of_requests_that_are_missing_are_named() -> None:
    assert missing_members(SETTINGS, {"user": 1}) == ["top_k"]
    assert missing_members({"model": {"extra": 3}}, {}) == missing_members({}, {}) == []


def test_limits_are_those_of_the_last_session_but_for_those_given(tmp_path: Path) -> None:
    resumed = RunResumed(
        version="1", model="m", sub_model="m", limits={"max_calls": 5, "new": 1}, spent_seconds=0
    )
    settings = json.dumps(SETTINGS)
    path = write_trace(tmp_path, "r", started(limits={"max_calls": 3}, settings=settings), resumed)
    run = read_run(path)
    assert run.settings == settings and run.tally.resumes == 1
    given = {"max_cost": 2.0, "max_calls": None}
    limits = fill_in_limits(make_limits(given), run, given)
    assert limits == Limits(max_calls=5, max_cost=2.0)
    none = {"max_calls": "none"}
    assert fill_in_limits(make_limits(none), run, none) == Limits(max_calls=None)


def test_limits_that_are_none_are_refused(tmp_path: Path) -> None:
    run = read_run(write_trace(tmp_path, "r", started(limits={"max_calls": -3})))
    with pytest.raises(ConfigError, match="Cannot set max_calls to -3"):
        fill_in_limits(Limits(), run, {})


def test_a_trace_without_a_beginning_is_refused(tmp_path: Path) -> None:
    node = NodeStarted(node=0, parent=None, depth=0, model="m", query="q", context="c")
    with pytest.raises(InputError, match="it ends before its run began"):
        read_run(write_trace(tmp_path, "r", node))
