"""The names that generated code sees; their docstrings are for its author."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bootstrap.errors import AnswerRejectedError, LLMQueryError
from bootstrap.habits import Habits, given
from bootstrap.host import Call, Host, pack
from bootstrap.schemas import schema_text


def names(host: Host) -> dict[str, Any]:
    """Make the functions and the error that the namespace begins with."""
    calls, node = _Calls(host), _Node(host)
    provided = (
        calls.llm_query,
        calls.llm_query_batched,
        node.FINAL,
        node.FINAL_VAR,
        node.SHOW_VARS,
        node.limits,
        LLMQueryError,
    )
    habits = Habits(
        host.repl,
        final=node.FINAL,
        query=calls.llm_query,
        batch=calls.llm_query_batched,
        wait=host.stopper.wait,
    )
    host.repl.at_end = habits.at_end
    return habits.names | {one.__name__: one for one in provided}


class _Calls:
    def __init__(self, host: Host) -> None:
        self._host = host

    def llm_query(
        self,
        prompt: str,
        context: Any = None,
        *,
        schema: Any = None,
        model: str | None = None,
        recursive: bool | None = None,
    ) -> Call:
        """Start a sub-call at once; `await` gives its answer as a Python object.

        `schema` is a type such as `list[str]` or a TypedDict, or a JSON schema; the answer follows
        it, and is made of plain lists, dicts and the like, also where the type is a class.
        """
        if not isinstance(prompt, str):
            kind = type(prompt).__name__
            raise TypeError(
                f"llm_query() takes the prompt as str, not {kind}; give data as context"
            )
        return self._host.call(
            prompt,
            context,
            model=model,
            recursive=recursive,
            answer_schema=None if schema is None else schema_text(schema),
        )

    async def llm_query_batched(
        self,
        prompts: Sequence[str],
        contexts: Sequence[Any] | None = None,
        *,
        schema: Any = None,
        model: str | None = None,
        recursive: bool | None = None,
        return_exceptions: bool = False,
    ) -> list[Any]:
        """Make one sub-call for each prompt, all in parallel; answers come in that order."""
        if isinstance(prompts, str):
            raise TypeError("llm_query_batched() takes a list of prompts, not one str")
        given = [None] * len(prompts) if contexts is None else list(contexts)
        if len(given) != len(prompts):
            raise ValueError(
                f"llm_query_batched() got {len(prompts)} prompts, {len(given)} contexts"
            )
        calls = [
            self.llm_query(prompt, context, schema=schema, model=model, recursive=recursive)
            for prompt, context in zip(prompts, given, strict=True)
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed and not return_exceptions:
            message = f"{len(failed)} of {len(results)} sub-calls failed, first: {failed[0]}"
            reason = getattr(failed[0], "stop_reason", "error")
            raise LLMQueryError(message, stop_reason=reason, results=list(results))
        return list(results)


class _Node:
    def __init__(self, host: Host) -> None:
        self._host = host

    def FINAL(self, value: Any) -> None:
        """End the node with this answer."""
        # An accepted answer has no reply: the process ends while this stands still
        reply = self._host.request("final", pack(given(value)))
        raise AnswerRejectedError(reply.get("error", {}).get("message", "rejected"))

    def FINAL_VAR(self, name: Any) -> None:
        """End the node with the value of this variable; the value itself is taken, too."""
        repl = self._host.repl
        if type(name) is not str:
            self.FINAL(name)
        for one in (name, name.strip(" \t\n\"'`")):
            if one in repl.namespace and not repl.is_own_function(one):
                self.FINAL(repl.namespace[one])
        # A text that is no name can mean but one thing where a variable holds it
        if not name.isidentifier() and any(one is name for one in repl.namespace.values()):
            self.FINAL(name)
        names = ["context", *repl.variable_names()]
        raise NameError(f"FINAL_VAR: no variable {name!r}; there are {sorted(names)}")

    def SHOW_VARS(self) -> dict[str, str]:
        """Give the type and size of each variable."""
        return self._host.repl.describe_variables()

    def limits(self) -> dict[str, Any]:
        """Give what this node may still spend."""
        result: dict[str, Any] = self._host.request("limits")["result"]
        return result
