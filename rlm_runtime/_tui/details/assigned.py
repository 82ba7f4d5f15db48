"""Which names a piece of code assigns and deletes, by its syntax tree alone."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST_CODE = 20_000
"""Longer code is not read: the terminal would wait for it."""
_MOST_NAMES = 1000
_OWN_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
"""What is inside of these has names of its own."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The last that some code does to a name."""

    line: int
    """From 1."""
    text: str
    """That line of the code."""
    is_deleted: bool = False


@lru_cache(maxsize=500)
def assigned_names(code: str) -> dict[str, Assigned] | None:
    """Find the names that a piece of code assigns or deletes; None where it cannot be read."""
    if len(code) > MOST_CODE:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code)
        # In the order of the source, which is about that of the time
        found = sorted(_walk(tree))[:_MOST_NAMES]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    lines = code.split("\n")
    names = {}
    for line, _, name, is_deleted in found:
        text = lines[line - 1].strip() if line <= len(lines) else ""
        names[name] = Assigned(line, text[:300], is_deleted)
    return names


def _walk(tree: ast.AST) -> Iterator[tuple[int, int, str, bool]]:
    # A stack of its own: code may be nested as deeply as the parser lets it
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield node.lineno, node.col_offset, name, isinstance(node.ctx, ast.Del)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.col_offset, node.name, False
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    if name != "*":
                        yield node.lineno, node.col_offset, name, False
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, node.col_offset, name, False
            case ast.MatchMapping(rest=str(name)):
                yield node.lineno, node.col_offset, name, False
        stack += _inside(node)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Give what is inside of a node and assigns names of the same scope."""
    match node:
        case ast.AnnAssign(value=None):
            return
        case ast.comprehension():
            # Its targets are names of its own; an assignment expression in it is none of them
            yield node.iter
            yield from node.ifs
        case _ if not isinstance(node, _OWN_NAMES):
            yield from ast.iter_child_nodes(node)
