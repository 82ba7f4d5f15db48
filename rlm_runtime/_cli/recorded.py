"""What the trace of a run says of its settings, as the options of a command that goes on with it.

All of it comes from a file that anybody may have written: what is no value of its option is left
out. It names no file that would be read, no program that would be run, and no place that a key of
the user would be sent to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import InputError, TraceError
from rlm_runtime._events import RunResumed, RunStarted
from rlm_runtime._limits import Limits
from rlm_runtime._trace.reader import read_trace

_LONE = re.compile("[\ud800-\udfff]")
_DEAREST = 1e9
_TRUSTED = ("https", "api.openai.com")
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
        InputError: It is damaged, or ends before the run began.
    """
    try:
        return _read(path)
    except TraceError as exc:
        raise InputError(str(exc)) from exc


def _read(path: Path) -> RecordedRun:
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
    if ctx.get_parameter_source("prices") not in _GIVEN:
        options["prices"] = tuple(_prices_of(settings, options))


def fill_in_limits(limits: Limits, run: RecordedRun, given: Mapping[str, object]) -> Limits:
    """Give the limits of a run, but for those that the user gave.

    Raises:
        ConfigError: They are none.
    """
    names = [field.name for field in fields(Limits)]
    recorded = {name: value for name, value in run.limits.items() if name in names}
    chosen = {name: getattr(limits, name) for name in names if given.get(name) is not None}
    return Limits(**(recorded | chosen))


def recorded_url(ctx: click.Context, settings: Mapping[str, object]) -> str | None:
    """Give the endpoint that the run asked, unless the user names one."""
    if ctx.get_parameter_source("base_url") in _GIVEN:
        return None
    return _text(settings.get("base_url")) or _only_url(settings) or None


def may_have_key(url: str) -> bool:
    """Tell whether a key of the user may go to an endpoint that only a trace names."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc) == _TRUSTED


def missing_members(settings: Mapping[str, object], given: Mapping[str, object]) -> list[str]:
    """Name what each request had in addition, and the record holds no value of."""
    model = settings.get("model")
    extra = model.get("extra") if isinstance(model, dict) else None
    names = extra if isinstance(extra, list) else []
    return [name for name in names if isinstance(name, str) and name not in given]


def _as_options(settings: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    models = [settings.get("model"), *_list(settings.get("sub_models"))]
    first = models[0] if isinstance(models[0], dict) else {}
    if name := _name(first):
        yield "model", name
    yield "sub_models", tuple(filter(None, map(_name, models[1:])))
    named = [(alias, _name(one)) for alias, one in _aliases(settings).items()]
    yield "aliases", tuple(f"{alias}={name}" for alias, name in named if name and _is_alias(alias))
    for name, types in _NUMBERS.items():
        if type(first.get(name)) in types:
            yield name, first[name]
    if effort := _text(first.get("reasoning_effort")):
        yield "reasoning_effort", effort
    yield "packages", tuple(one for one in _list(settings.get("packages")) if _text(one))
    if type(spare := settings.get("spare_sandboxes")) is int and spare >= 0:
        yield "spare_sandboxes", spare
    if settings.get("child_tools") in ("same", "none"):
        yield "child_tools", settings["child_tools"]


def _models(settings: Mapping[str, object]) -> list[dict[str, object]]:
    aliases = _aliases(settings).values()
    found = [settings.get("model"), *_list(settings.get("sub_models")), *aliases]
    return [one for one in found if isinstance(one, dict)]


def _aliases(settings: Mapping[str, object]) -> dict[str, object]:
    aliases = settings.get("models")
    return aliases if isinstance(aliases, dict) else {}


def _only_url(settings: Mapping[str, object]) -> str:
    """Give the endpoint that all models have of their own."""
    urls = {_text(one.get("base_url")) for one in _models(settings)}
    return urls.pop() if len(urls) == 1 else ""


def _name(model: object) -> str:
    """Name a model; some providers would take an address in it for their own, with the key."""
    name = _text(model.get("name")) if isinstance(model, dict) else ""
    return "" if "://" in name else name.strip()


def _is_alias(text: str) -> bool:
    return bool(_text(text).strip()) and "=" not in text


def _prices_of(settings: Mapping[str, object], options: Mapping[str, Any]) -> Iterator[str]:
    """Give the prices of the models that the options name now."""
    aliased = [pair.partition("=")[2].strip() for pair in options["aliases"]]
    used = {options["model"], *options["sub_models"], *aliased}
    for model in _models(settings):
        if _name(model) in used and (price := _price(model)):
            yield price


def _price(model: Mapping[str, object]) -> str:
    price, name = model.get("price"), _name(model)
    if not isinstance(price, dict) or not {"prompt", "completion"} <= price.keys():
        return ""
    rates = [price[key] for key in ("prompt", "completion", "cached") if key in price]
    if not all(type(rate) in (int, float) and 0 <= rate < _DEAREST for rate in rates):
        return ""
    return f"{name}={'/'.join(map(str, rates))}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Give a text that can be sent somewhere."""
    return value if isinstance(value, str) and _LONE.search(value) is None else ""
