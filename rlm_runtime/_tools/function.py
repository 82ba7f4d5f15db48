"""Functions of the host as tools."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError, validate_call
from pydantic.errors import PydanticUserError

from rlm_runtime._errors import ConfigError
from rlm_runtime._tools.base import ToolError, check_name
from rlm_runtime._tools.signature import signature_of, write_signature
from rlm_runtime._tools.threads import Threads

_MAX_DOC_CHARS = 10_000
_MAX_MESSAGE_CHARS = 2000
_PROBLEMS_SHOWN = 5
_LEVELS = 200


class Tool:
    """A function of the host that generated code may call.

    An async function runs on the event loop, any other in a thread. Arguments are validated, and
    converted where its annotations ask for it, as pydantic does it. Whatever it raises is a
    `ToolError` in the code that called it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        """Look at the function; it is not called.

        Args:
            function: A function, a method, a partial, or an object that can be called.
            name: What generated code calls it by; else its own name.
            description: What it does; else its docstring.

        Raises:
            ConfigError: It cannot be a tool, or cannot have this name.
        """
        if not callable(function) or isinstance(function, type):
            raise ConfigError(f"Cannot use {function!r} as a tool: it is not a function")
        self.name = check_name(name or _name_of(function))
        self.doc = (description or _doc_of(function))[:_MAX_DOC_CHARS]
        self._function = function
        try:
            signature = signature_of(function)
            self._check = _make_check(signature)
        except (ValueError, TypeError, NameError, PydanticUserError) as exc:
            raise ConfigError(f"Cannot use {self.name} as a tool: {exc}") from exc
        self._parameters = signature
        self.signature = write_signature(signature)
        self._threads = Threads(self.name)
        self._is_async = _is_async(function)

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
        """Call the function; one that runs in a thread goes on when this is cancelled.

        Raises:
            ToolError: It raised, or the arguments are not what it takes.
        """
        try:
            ready = self._validate(args, kwargs)
            if self._is_async:
                result = await ready()
            else:
                result = await self._threads.run(ready)
                if inspect.isawaitable(result):
                    result = await result
            if isinstance(result, BaseModel | list | tuple | dict):
                result = await anyio.to_thread.run_sync(_without_models, result, ())
            return result
        except ToolError:
            raise
        except asyncio.CancelledError as exc:
            # One of the function's own making would look like the end of its caller
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ToolError(f"{self.name}() raised CancelledError") from exc
        # The border: whatever the user's function raises is the code's business
        except (Exception, SystemExit) as exc:
            raise ToolError(f"{self.name}() raised {_explain(exc)}") from exc

    def _validate(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Callable[[], Any]:
        try:
            self._parameters.bind(*args, **kwargs)
            args, kwargs = self._check(*args, **kwargs)
        except ValidationError as exc:
            raise ToolError(f"{self.name}(): {_problems(exc, self._parameters)}") from exc
        except TypeError as exc:
            raise ToolError(f"{self.name}{self.signature}: {exc}") from exc
        return partial(self._function, *args, **kwargs)


def _make_check(signature: inspect.Signature) -> Callable[..., Any]:
    """Make a function of this signature that gives its arguments, validated."""

    def check(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    check.__signature__ = signature  # type: ignore[attr-defined]  # any function may have one
    check.__annotations__ = {
        one.name: one.annotation
        for one in signature.parameters.values()
        if one.annotation is not inspect.Parameter.empty
    }
    validated: Callable[..., Any] = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(
        check
    )
    return validated


def _problems(error: ValidationError, signature: inspect.Signature) -> str:
    """Say what is wrong with which parameter."""
    positional = [
        one
        for one in signature.parameters.values()
        if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)
    ]
    found = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = problem["loc"] or ("arguments",)
        if isinstance(first, int):
            # Those beyond the last one are all in it: it takes any number
            first = positional[min(first, len(positional) - 1)].name
        place = f"{first}{''.join(f'[{each!r}]' for each in rest)}"
        found.append(f"{place[:200]}: {problem['msg'][:300]}")
    more = len(found) - _PROBLEMS_SHOWN
    return "; ".join(found[:_PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _explain(exc: BaseException) -> str:
    """Name an exception and what it says, without the paths that the system adds."""
    try:
        text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    except Exception:
        text = ""  # it cannot say
    return f"{type(exc).__name__}: {text[:_MAX_MESSAGE_CHARS]}" if text else type(exc).__name__


def _without_models(value: object, around: tuple[int, ...]) -> object:
    """Turn the pydantic models in a value into dicts; `around` are the ids of what it is in."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if len(around) == _LEVELS or id(value) in around:
        # The codec says so
        return value
    around = (*around, id(value))
    match value:
        case list() if type(value) is list:
            return [_without_models(one, around) for one in value]
        case tuple() if type(value) is tuple:
            return tuple(_without_models(one, around) for one in value)
        case dict() if type(value) is dict:
            return {key: _without_models(one, around) for key, one in value.items()}
    return value


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # its own, not whether it has one
    )


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _doc_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return inspect.getdoc(function) or ""
