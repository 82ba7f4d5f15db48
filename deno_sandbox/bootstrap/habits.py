"""Names of other harnesses, so that a model that was trained in one of them finds its way.

No prompt tells of them: `SUBMIT` is dspy's, `final_answer` that of smolagents, `rlm_query` that of
rlms, `llm_batch` and the dictionary `answer` are those of verifiers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

from bootstrap.host import Call
from bootstrap.repl import Repl

_FIELDS = {"content", "ready"}
_RESET = 'answer["ready"] is False again, since the block failed'


class Slot(dict[str, Any]):
    """The dictionary `answer`, as it is before the code gives it another value."""

    def __init__(self) -> None:
        super().__init__(content="", ready=False)


class Answers(list[Any]):
    """A list that is there at once, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, list[Any]]:
        yield from ()
        return list(self)


class Habits:
    """What other harnesses have, made of what there is here."""

    def __init__(
        self,
        repl: Repl,
        *,
        final: Callable[[Any], None],
        query: Callable[..., Call],
        batch: Callable[..., Awaitable[list[Any]]],
        wait: Callable[[Any], Any],
    ) -> None:
        self._repl = repl
        self._final = final
        self._query = query
        self._batch = batch
        self._wait = wait
        self.names: dict[str, Any] = {
            "SUBMIT": self.SUBMIT,
            "final_answer": self.final_answer,
            "rlm_query": self.rlm_query,
            "rlm_query_batched": self.rlm_query_batched,
            "llm_batch": self.llm_batch,
            "answer": Slot(),
        }

    def SUBMIT(self, *values: Any, **fields: Any) -> None:
        """End the node with this value, or with a dict of these fields."""
        if len(values) + bool(fields) != 1:
            raise TypeError("SUBMIT() takes one value, or fields by name")
        self._final(values[0] if values else fields)

    def final_answer(self, answer: Any) -> None:
        """End the node with this answer."""
        self._final(answer)

    def rlm_query(self, prompt: str, context: Any = None, **options: Any) -> Call:
        """Start a sub-call that is answered by a child node."""
        return self._query(prompt, context, **{"recursive": True, **options})

    async def rlm_query_batched(
        self, prompts: Sequence[str], contexts: Sequence[Any] | None = None, **options: Any
    ) -> list[Any]:
        """Make one sub-call for each prompt, each answered by a child node."""
        return await self._batch(prompts, contexts, **{"recursive": True, **options})

    def llm_batch(self, prompts: Sequence[str], **options: Any) -> Answers:
        """Make one plain call for each prompt, and wait for all of them."""
        return Answers(self._wait(self._batch(prompts, None, **{"recursive": False, **options})))

    def at_end(self, failed: bool) -> str | None:
        """End the node where `answer` says that it is ready; where the block failed, it is not."""
        answer: Any = self._repl.namespace.get("answer")
        if not _is_slot(answer) or answer["ready"] is not True:
            return None
        answer["ready"] = False
        if failed:
            return _RESET
        self._final(answer["content"])
        return None


def _is_slot(value: Any) -> bool:
    """Tell the dictionary from a variable of the code's own, which may have any shape."""
    # Keys of the code's own making could do anything where they are compared
    plain = type(value) in (dict, Slot) and all(type(key) is str for key in value)
    return plain and set(value) == _FIELDS


def given(value: Any) -> Any:
    """Take what was given to `FINAL`: of the dictionary `answer` its content is meant.

    Raises:
        NameError: The code has never put anything into it.
    """
    if type(value) is not Slot:
        return value
    if value == Slot():
        raise NameError("name 'answer' is not defined: nothing was assigned to it")
    return value.get("content")
