"""One option for each field of `Limits`, made from the field."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from rlm_runtime._errors import ConfigError
from rlm_runtime._limits import Limits

_NO_LIMIT = "none"


def limit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each limit; unset ones arrive as None."""
    docs = _field_docs()
    for field in reversed(dataclasses.fields(Limits)):
        default = _NO_LIMIT if field.default is None else field.default
        option = click.option(
            f"--{field.name.replace('_', '-')}",
            field.name,
            metavar="USD" if field.name == "max_cost" else "N",
            envvar=f"RLM_{field.name.upper()}",
            callback=partial(_parse, field),
            help=f"{docs.get(field.name, '')}  [default: {default}]",
        )
        function = option(function)
    return function


def make_limits(options: Mapping[str, int | float | str | None]) -> Limits:
    """Build the limits from what the options of `limit_options` gave.

    Raises:
        UsageError: A value makes no sense.
    """
    given: dict[str, Any] = {  # each was converted to the type of its field
        name: None if value == _NO_LIMIT else value
        for name, value in options.items()
        if value is not None
    }
    try:
        return Limits(**given)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from exc


def _parse(
    field: dataclasses.Field[Any], _ctx: click.Context, _param: click.Parameter, text: str | None
) -> int | float | str | None:
    """Read a number, or `none` where a field can do without a limit."""
    optional, whole = "None" in str(field.type), "int" in str(field.type)
    if text is None or (optional and text.lower() == _NO_LIMIT):
        return text and _NO_LIMIT
    try:
        return int(text) if whole else float(text)
    except ValueError as exc:
        form = ("a whole number" if whole else "a number") + (", or none" if optional else "")
        raise click.BadParameter(f"{text!r} is not {form}") from exc


def _field_docs() -> dict[str, str]:
    """Read the text under each field of `Limits`, which Python does not keep."""
    try:
        (definition,) = ast.parse(inspect.getsource(Limits)).body
    except OSError:
        return {}
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match text:
                case ast.Expr(value=ast.Constant(value=str(doc))):
                    docs[field.target.id] = doc
    return docs
