"""An answer that a model wrote as text: a call of FINAL or FINAL_VAR, and nothing else."""

from __future__ import annotations

import ast
import warnings

_PROGRAM_CHARS = 20_000


def canonical_call(source: str) -> str | None:
    """Rebuild a call of FINAL or FINAL_VAR from its syntax tree, if `source` is just that.

    Nothing but a literal or a name gets through, so nothing else can ride along.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            call = ast.parse(source, mode="eval").body
        match call:
            case ast.Call(func=ast.Name(id="FINAL"), args=[value], keywords=[]):
                if not isinstance(value, ast.Name):
                    _check_literal(value)
                return ast.unparse(call)
            case ast.Call(
                func=ast.Name(id="FINAL_VAR"),
                args=[ast.Name(id=name) | ast.Constant(value=str(name))],
                keywords=[],
            ) if name.isidentifier():
                return f"FINAL_VAR({name!r})"
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    return None


def is_program(text: str) -> bool:
    """Tell whether a text is Python that does more than to name and to call; no long one is."""
    if len(text) > _PROGRAM_CHARS:
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return not all(isinstance(one, ast.Expr) for one in body)


def _check_literal(value: ast.expr) -> None:
    """Raise ValueError or TypeError unless the expression is a literal of data."""
    ast.literal_eval(value)
    if any(isinstance(n, ast.Constant) and n.value is Ellipsis for n in ast.walk(value)):
        raise ValueError("Cannot take ... as an answer: it is no data")
