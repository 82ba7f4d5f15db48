"""The headings in the help of `rlm run`."""

from __future__ import annotations

import re

import click
import pytest

from rlm_runtime._cli import cli
from rlm_runtime._cli.run import command
from rlm_runtime._cli.sections import SECTIONS

OPTIONS = [param for param in command.params if isinstance(param, click.Option)]


def test_each_option_stands_under_one_heading() -> None:
    with click.Context(command, info_name="rlm run", max_content_width=100) as ctx:
        shown = command.get_help(ctx)
    headings = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert headings == [*SECTIONS, "Other options"]
    for option in OPTIONS:
        assert len(re.findall(rf"^  (?:-\w, )?{option.opts[-1]}(?= |$)", shown, re.MULTILINE)) == 1
    others = shown.partition("\nOther options:\n")[2]
    assert re.findall(r"--[\w-]+", others) == ["--debug", "--help"]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[-1])
def test_each_option_has_the_variable_that_the_help_promises(option: click.Option) -> None:
    name = option.opts[-1].removeprefix("--").replace("-", "_").upper()
    expected = None if name in ("PROMPT", "CONTEXT", "OUTPUT") else f"RLM_{name}"
    assert option.envvar == expected


@pytest.mark.parametrize("name", ["resume", "fork"])
def test_what_goes_on_with_a_run_has_its_settings_as_defaults(name: str) -> None:
    going_on = cli.get_command(click.Context(cli), name)
    assert going_on is not None
    with click.Context(going_on, info_name=f"rlm {name}", max_content_width=100) as ctx:
        shown = going_on.get_help(ctx)
    settings, _, output = shown.partition("\nOutput:\n")
    assert re.findall(r"\[default: [^]]*\]", " ".join(settings.split())) == [
        "[default: the one that the run had]"
    ]
    assert "[default: in the user's state folder]" in " ".join(output.split())
