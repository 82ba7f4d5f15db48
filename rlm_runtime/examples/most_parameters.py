"""A question about a large code base, answered by code that reads all of it."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._types import Message

_LOOK = """First I look at what there is.

```repl
print(type(context).__name__, len(context), sum(map(len, context.values())))
print(list(context)[:5])
```
"""

_COUNT = """Python's own parser can count parameters, so no model has to read the files.

```repl
import ast

def functions(tree, path=()):
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        inner = (*path, node.name) if named else path
        if named and not isinstance(node, ast.ClassDef):
            yield ".".join(inner), node
        yield from functions(node, inner)

def parameters(function):
    a = function.args
    return len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs) + bool(a.vararg) + bool(a.kwarg)

found, skipped = [], []
for file, source in context.items():
    try:
        tree = ast.parse(source)
    except SyntaxError:
        skipped.append(file)
        continue
    for name, function in functions(tree):
        found.append((parameters(function), file, name, function.lineno))
print(len(found), "functions,", len(skipped), "files that do not parse")
print(sorted(found, reverse=True)[:3])
```
"""

_END = """The first of them is the answer.

```repl
count, file, name, line = max(found)
FINAL({"file": file, "name": name, "line": line, "parameters": count})
```
"""


def policy(messages: Sequence[Message]) -> str:
    """Play a model that looks, counts, and answers."""
    replies = sum(message.role == "assistant" for message in messages)
    return (_LOOK, _COUNT, _END)[min(replies, 2)]
