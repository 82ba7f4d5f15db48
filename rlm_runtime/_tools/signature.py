"""Signatures as text, which a model reads and a sandbox parses; nothing of it is ever run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

_MAX_DEFAULT_CHARS = 60
_MAX_LEVELS = 6


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Give the signature of a function, its annotations as types.

    Raises:
        ValueError: It has none that can be read.
        TypeError: It is no function.
        NameError: An annotation names what is not there.
    """
    signature = inspect.signature(function)
    hints = get_type_hints(_annotated(function), include_extras=True)
    return signature.replace(
        parameters=[
            one.replace(annotation=hints.get(one.name, inspect.Parameter.empty))
            for one in signature.parameters.values()
        ],
        return_annotation=hints.get("return", inspect.Signature.empty),
    )


def write_signature(signature: inspect.Signature) -> str:
    """Write a signature as Python, without what only the host could read."""
    empty = inspect.Parameter.empty
    parameters = []
    for one in signature.parameters.values():
        text = write_type(one.annotation)
        default = empty if one.default is empty else Written(write_literal(one.default))
        annotation = Written(text) if text else empty
        parameters.append(one.replace(annotation=annotation, default=default))
    text = write_type(signature.return_annotation)
    returns = Written(text) if text else empty
    return str(signature.replace(parameters=parameters, return_annotation=returns))


def write_type(hint: Any, levels: int = _MAX_LEVELS) -> str:
    """Write a type in few words; empty where there are none for it."""
    match hint:
        case _ if hint in (inspect.Parameter.empty, Any) or not levels:
            return ""
        case None:
            return "None"
        case type() if get_origin(hint) is None:
            return "None" if hint is NoneType else hint.__name__
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return write_type(args[0], levels - 1)
    if origin is Literal:
        return f"Literal[{', '.join(write_literal(one) for one in args)}]"
    parts = ["..." if one is ... else write_type(one, levels - 1) for one in args]
    if origin in (Union, UnionType):
        return " | ".join(parts) if all(parts) else ""
    name = getattr(origin or hint, "__name__", "")
    if not name.isidentifier():
        return ""
    return f"{name}[{', '.join(parts)}]" if parts and all(parts) else name


class Written:
    """Stands for a type or a value whose text is known."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def write_literal(value: object) -> str:
    """Write a literal; anything else would tell of the host, and help nobody."""
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "..."
    return text if len(text) <= _MAX_DEFAULT_CHARS else "..."


def _annotated(function: Any) -> Any:
    """Find what carries the annotations of something that can be called."""
    while isinstance(function, partial):
        function = function.func
    return function if hasattr(function, "__annotations__") else type(function).__call__
