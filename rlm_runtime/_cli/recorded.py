"""What the trace of a run says of its settings, as the options of a command that goes on with it.

All of it comes from a file that anybody may have written: what is no value of its option is left
out. It names no file and no program that would be run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import InputError
from rlm_runtime._events import RunResumed, RunStarted
from rlm_runtime._limits import Limits
from rlm_runtime._trace.reader import read_trace

_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_NUMBERS: dict[str, tuple[type, ...]] = {
    "temperature": (int, float),
    "top_p": (int, float),
    "seed": (int,),
    "max_completion_tokens": (int,),
}


@dataclass(slots=True)
class RecordedRun:
    """What a command needs to know of a run that it goes on with."""

    tally: Tally
    limits: Mapping[str, int | float | None]
    settings: str


def read_run(path: Path) -> RecordedRun:
    """Read the trace of a run.

    Raises:
        InputError: It ends before the run began.
        TraceError: It cannot be read.
    """
    tally = Tally()
    found: RecordedRun | None = None
    for event in read_trace(path):
        tally.add(event)
        if isinstance(event, RunStarted | RunResumed):
            settings = event.settings or ("" if found is None else found.settings)
            found = RecordedRun(tally, event.limits, settings)
    if found is None:
        raise InputError(f"Cannot resume {str(path)!r}: it ends before its run began")
    return found


def fill_in(ctx: click.Context, options: dict[str, Any], settings: Mapping[str, object]) -> None:
    """Set each option that the user did not give to what the run had."""
    for name, value in _as_options(settings):
        if ctx.get_parameter_source(name) not in _GIVEN:
            options[name] = value


def fill_in_limits(limits: Limits, run: RecordedRun, given: Mapping[str, object]) -> Limits:
    """Give the limits of a run, but for those that the user gave.

    Raises:
        ConfigError: They are none.
    """
    names = [field.name for field in fields(Limits)]
    recorded = {name: value for name, value in run.limits.items() if name in names}
    chosen = {name: getattr(limits, name) for name in names if given.get(name) is not None}
    return Limits(**(recorded | chosen))


def missing_members(settings: Mapping[str, object], given: Mapping[str, object]) -> list[str]:
    """Name what each request had in addition, and the record holds no value of."""
    model = settings.get("model")
    extra = model.get("extra") if isinstance(model, dict) else None
    names = extra if isinstance(extra, list) else []
    return [name for name in names if isinstance(name, str) and name not in given]


def _as_options(settings: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    models = [settings.get("model"), *_list(settings.get("sub_models"))]
    aliases = settings.get("models")
    named = aliases if isinstance(aliases, dict) else {}
    first = models[0] if isinstance(models[0], dict) else {}
    if name := _text(first.get("name")):
        yield "model", name
    subs = [_text(one.get("name")) for one in models[1:] if isinstance(one, dict)]
    yield "sub_models", tuple(name for name in subs if name)
    pairs = [(alias, one.get("name")) for alias, one in named.items() if isinstance(one, dict)]
    yield "aliases", tuple(f"{alias}={name}" for alias, name in pairs if _text(name))
    everyone = [one for one in (*models, *named.values()) if isinstance(one, dict)]
    yield "prices", tuple(filter(None, map(_price, everyone)))
    if url := _text(settings.get("base_url")):
        yield "base_url", url
    for name, types in _NUMBERS.items():
        if type(first.get(name)) in types:
            yield name, first[name]
    if effort := _text(first.get("reasoning_effort")):
        yield "reasoning_effort", effort
    yield "packages", tuple(one for one in _list(settings.get("packages")) if _text(one))
    if type(spare := settings.get("spare_sandboxes")) is int and spare >= 0:
        yield "spare_sandboxes", spare
    if (prompts := _text(settings.get("prompts"))) and Path(prompts).is_dir():
        yield "prompts", Path(prompts)
    if settings.get("child_tools") in ("same", "none"):
        yield "child_tools", settings["child_tools"]


def _price(model: Mapping[str, object]) -> str:
    price, name = model.get("price"), _text(model.get("name"))
    if not isinstance(price, dict) or not name:
        return ""
    rates = [price.get(key) for key in ("prompt", "completion", "cached") if key in price]
    if not all(type(rate) in (int, float) for rate in rates):
        return ""
    return f"{name}={'/'.join(map(str, rates))}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
