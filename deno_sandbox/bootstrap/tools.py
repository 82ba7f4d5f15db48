"""The host's tools, as functions that generated code calls."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

Start = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
"""Starts a call of the tool of a name."""

_Kind = inspect.Parameter
_EMPTY = inspect.Parameter.empty


class _Written:
    """Stands for an annotation or a default, of which only the text is known here."""

    def __init__(self, node: ast.expr) -> None:
        self._text = ast.unparse(node)

    def __repr__(self) -> str:
        return self._text


def make_tool(start: Start, *, name: str, signature: str, doc: str) -> Callable[..., Any]:
    """Make the function that calls a tool, which looks as if it were the tool itself."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return start(name, args, kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__ = "tools"
    call.__doc__ = doc
    call.__signature__ = parse_signature(signature)  # type: ignore[attr-defined]  # any function may have one
    return call


def parse_signature(text: str) -> inspect.Signature:
    """Read a signature, without running any of it.

    Raises:
        SyntaxError: It is not one.
    """
    (function,) = ast.parse(f"def f{text}: pass").body
    assert isinstance(function, ast.FunctionDef)
    returns = _Written(function.returns) if function.returns else _EMPTY
    return inspect.Signature(list(_parameters(function.args)), return_annotation=returns)


def _parameters(args: ast.arguments) -> Iterator[inspect.Parameter]:
    positional = [*args.posonlyargs, *args.args]
    without = len(positional) - len(args.defaults)
    for index, one in enumerate(positional):
        default = args.defaults[index - without] if index >= without else None
        before = index < len(args.posonlyargs)
        yield _parameter(
            one, _Kind.POSITIONAL_ONLY if before else _Kind.POSITIONAL_OR_KEYWORD, default
        )
    if args.vararg:
        yield _parameter(args.vararg, _Kind.VAR_POSITIONAL)
    for one, given in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _parameter(one, _Kind.KEYWORD_ONLY, given)
    if args.kwarg:
        yield _parameter(args.kwarg, _Kind.VAR_KEYWORD)


def _parameter(one: ast.arg, kind: Any, default: ast.expr | None = None) -> inspect.Parameter:
    return inspect.Parameter(
        one.arg,
        kind,
        default=_EMPTY if default is None else _Written(default),
        annotation=_EMPTY if one.annotation is None else _Written(one.annotation),
    )
