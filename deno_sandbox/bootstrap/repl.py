"""The REPL: one namespace that lasts, and the running of code in it."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from rlm_runtime._excerpt import excerpt

_MAX_ERROR_CHARS = 20_000
_MAX_NAMES = 200
_MAX_INT_BITS = 256
_MAX_TEXT = 60
_MAX_PACKAGES = 40
_SHOWN_ITEMS = 10_000
_SHOWN_CHARS = 100_000
_SHOWN_FRAMES = 8
_NAME_OF = type.__dict__["__name__"].__get__
_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)

# What an ordinary error does not say: where this code runs, and what to do instead
_HINTS: tuple[tuple[type[BaseException], str], ...] = (
    (SystemExit, "sys.exit() does not end the node; call FINAL(value) with the answer"),
    (EOFError, "nobody is there to answer input(); what there is, is in `query` and `context`"),
    (FileNotFoundError, "no files of the outside are here; the input is in `context`"),
    (OSError, "there are no network, no processes and no files of the outside here"),
)


class Repl:
    """A namespace in which code runs as in a notebook."""

    def __init__(self) -> None:
        module = types.ModuleType("__main__")
        # Dataclasses, pickle and type hints look their module up
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self._provided: dict[str, Any] = {}
        self._restored = {"context"}
        self.packages: list[str] = []
        """Names and versions of what can be imported beside the standard library."""
        self.at_end: Callable[[bool], str | None] = lambda failed: None
        """Is told that code has ended, and whether by an error; gives a note to be added to it."""

    def provide(self, name: str, value: object, *, restored: bool = False) -> None:
        """Put a name into the namespace.

        Code that rebinds it has its way, unless it is `context` or `restored` before each cell.
        """
        if restored:
            self._restored.add(name)
        self._provided[name] = self.namespace[name] = value

    async def execute(self, code: str, cell: int) -> str | None:
        """Run code; return the traceback if it raised."""
        self._restore()
        name = f"<cell {cell}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        try:
            value = None
            for part in _compile(code, name):
                value = eval(part, self.namespace)
                if part.co_flags & inspect.CO_COROUTINE:
                    value = await value
            # Only a last expression has one
            if value is not None:
                sys.stdout.write(_shown(value) + "\n")
            self.at_end(False)
        # SystemExit, KeyboardInterrupt and CancelledError are the code's own here
        except BaseException as exc:
            note = self.at_end(True)
            notes = [f"Note: {hint}" for hint in (*self._hints(exc), note) if hint]
            return "\n".join([_explain(exc), *notes])
        return None

    def _hints(self, exc: BaseException) -> list[str]:
        """Say what an ordinary error does not."""
        if isinstance(exc, ModuleNotFoundError):
            return [self._missing_module()]
        return [hint for kind, hint in _HINTS if isinstance(exc, kind)][:1]

    def _missing_module(self) -> str:
        names = self.packages[:_MAX_PACKAGES]
        with_these = f" with {', '.join(names)}" if names else ""
        return f"only Python's standard library{with_these} is here, and nothing can be installed"

    def _restore(self) -> None:
        for name, value in self._provided.items():
            if name in self._restored or name not in self.namespace:
                self.namespace[name] = value

    def is_own_function(self, name: str) -> bool:
        """Tell whether a name is that of a function or class of ours still."""
        value = self.namespace.get(name)
        return callable(value) and value is self._provided.get(name)

    def variables(self) -> Iterator[tuple[str, Any]]:
        """Give the variables that the code has assigned, without imports and private names."""
        for name, value in list(self.namespace.items()):
            provided = name in self._provided and value is self._provided[name]
            # globals() takes any key
            named = isinstance(name, str) and not name.startswith("_")
            if named and not (provided or _is_import(value)):
                yield name, value

    def variable_names(self) -> list[str]:
        """Name the first variables that the code has assigned."""
        return [name for name, _ in islice(self.variables(), _MAX_NAMES)]

    def variable_values(self) -> list[str]:
        """Tell in short what is in each of `variable_names`; no code of theirs is run for it."""
        return [_in_short(value) for _, value in islice(self.variables(), _MAX_NAMES)]

    def describe_variables(self) -> dict[str, str]:
        """Give the type, and the size where there is one, of each variable."""
        return {name: _describe(value) for name, value in self.variables()}


def _is_import(value: object) -> bool:
    # isinstance() would ask the value for its __class__, which is user code
    kind = type(value)
    if issubclass(kind, (type, types.FunctionType, types.BuiltinFunctionType)):
        return getattr(value, "__module__", None) != "__main__"
    return issubclass(kind, types.ModuleType)


def _compile(code: str, name: str) -> list[types.CodeType]:
    """Compile the statements, and apart from them a last expression, whose value is shown."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    parts = [compile(tree, name, "exec", flags, dont_inherit=True)] if tree.body else []
    if isinstance(last, ast.Expr):
        expression = ast.Expression(last.value)
        parts.append(compile(expression, name, "eval", flags, dont_inherit=True))
    return parts


def _shown(value: object) -> str:
    """Give the repr, of both ends only where a value is very large."""
    if isinstance(value, str | bytes | bytearray) and len(value) > 2 * _SHOWN_CHARS:
        gap = f" … {len(value) - 2 * _SHOWN_CHARS} left out … "
        return repr(value[:_SHOWN_CHARS]) + gap + repr(value[-_SHOWN_CHARS:])
    if isinstance(value, list | tuple | set | frozenset | dict) and len(value) > _SHOWN_ITEMS:
        items = value.items() if isinstance(value, dict) else value
        head = list(islice(items, _SHOWN_ITEMS))
        return f"{type(value).__name__} of {len(value)}, the first {_SHOWN_ITEMS}: {head!r}"
    return repr(value)


def _in_short(value: object) -> str:
    kind = type(value)
    if kind in (bool, float, complex, types.NoneType):
        return repr(value)
    # The exact type first: isinstance() would ask other values for their __class__
    if kind is int and isinstance(value, int) and value.bit_length() <= _MAX_INT_BITS:
        return repr(value)
    if kind in (str, bytes) and isinstance(value, str | bytes):
        beginning = repr(value[:_MAX_TEXT])
        return beginning if len(value) <= _MAX_TEXT else f"{beginning}… ({len(value):,})"
    return _describe(value)


def _describe(value: object) -> str:
    kind = type(value)
    # The base type's own, since that of a subclass is user code
    sizes = [base.__len__(value) for base in _SIZED if issubclass(kind, base)]  # type: ignore[arg-type]
    # A metaclass may have a `__name__` of its own, which is user code
    name = str(_NAME_OF(kind))[:100]
    return f"{name}, {sizes[0]}" if sizes else name


def _explain(exc: BaseException) -> str:
    """Format an exception as Python does, with the frames of the user's code only."""
    # Interrupts are repeated until the code has ended, and one of them may strike here
    for show in (_format, _format, _name):
        try:
            return excerpt(show(exc), _MAX_ERROR_CHARS)
        except BaseException:  # its __str__ or __cause__ is user code and may raise anything
            continue
    return "an exception that cannot be shown"


def _format(exc: BaseException) -> str:
    summary = traceback.TracebackException.from_exception(exc)
    _keep_user_frames(summary)
    return "".join(summary.format()).rstrip("\n")


def _name(exc: BaseException) -> str:
    return f"{type(exc).__name__}: an exception that cannot be shown"


def _keep_user_frames(summary: traceback.TracebackException) -> None:
    seen: set[int] = set()
    waiting: list[traceback.TracebackException | None] = [summary]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        frames = [frame for frame in one.stack if frame.filename.startswith("<cell ")]
        left_out = len(frames) - 2 * _SHOWN_FRAMES
        if left_out > 0:
            # Each frame is parsed to be shown: a recursion without end took half a second
            gap = traceback.FrameSummary("…", 0, f"{left_out} calls left out", line="")
            frames[_SHOWN_FRAMES:-_SHOWN_FRAMES] = [gap]
        one.stack = traceback.StackSummary.from_list(frames)
        waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
