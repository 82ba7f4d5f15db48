"""What the engine asks of a tool, and what tools may be called."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rlm_runtime._errors import ConfigError

RESERVED = frozenset(
    """
    context query answer llm_query llm_query_batched llm_batch rlm_query rlm_query_batched FINAL
    FINAL_VAR final_answer SHOW_VARS SUBMIT limits LLMQueryError ToolError
    """.split()
)
"""What the REPL itself defines, or takes for its own."""


class ToolError(Exception):
    """A call of a tool failed; the message is for the code that made it."""


class HostTool(Protocol):
    """A function that generated code may call, and that runs outside of its sandbox."""

    @property
    def name(self) -> str:
        """What generated code calls it by."""
        ...

    @property
    def signature(self) -> str:
        """Its parameters and its return type as Python writes them: `(a: int, *, b=1) -> str`."""
        ...

    @property
    def doc(self) -> str:
        """What it does, for the author of the code."""
        ...

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
        """Call it with values of the codec; one that is cancelled stops, if it can.

        Raises:
            ToolError: It failed, or the arguments are not what it takes.
        """
        ...


def is_free(name: str) -> bool:
    """Tell whether a tool may have this name: it hides nothing that code relies on."""
    taken = name in RESERVED or keyword.iskeyword(name) or hasattr(builtins, name)
    return name.isidentifier() and not name.startswith("_") and not taken


def check_name(name: str) -> str:
    """Return a name that a tool may have.

    Raises:
        ConfigError: It may not.
    """
    if not is_free(name):
        raise ConfigError(
            f"Cannot use a tool named {name!r}: it must be an identifier without a leading"
            " underscore that neither Python nor the REPL uses; Tool(function, name=…) renames it"
        )
    return name
