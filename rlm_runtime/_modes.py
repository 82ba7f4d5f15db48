"""How a run is answered: by nodes with a REPL each, or by one completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._errors import ConfigError

Mode = Literal["rlm", "direct"]
AskedMode = Literal["rlm", "direct", "auto"]
MODES: tuple[AskedMode, ...] = ("rlm", "direct", "auto")

DIRECT_BELOW_CHARS = 24_000
"""About 6,000 tokens. The RLM paper finds models better without a REPL up to some 16,000 tokens;
this leaves room for models whose windows are long but whose attention is not."""


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """How a run is answered, and why."""

    mode: Mode
    reason: str = ""
    """Empty where nothing was asked for and nothing was chosen."""


WITH_REPL = ModeChoice("rlm")


def check_mode(asked: str, below_chars: int) -> None:
    """See that the settings make sense.

    Raises:
        ConfigError: They do not.
    """
    if asked not in MODES:
        raise ConfigError(f"Cannot set mode to {asked!r}: it must be one of {', '.join(MODES)}")
    if below_chars < 0:
        raise ConfigError(f"Cannot set direct_below_chars to {below_chars!r}: it must be 0 or more")


def choose_mode(
    asked: AskedMode,
    query: str,
    context: object,
    *,
    below_chars: int,
    most_chars: int,
    needs_code: str | None,
) -> ModeChoice:
    """Choose how to answer a query about a context.

    Args:
        asked: What the caller wants; only `auto` leaves a choice.
        query: What is asked.
        context: What it is asked about; it may be the query itself.
        below_chars: How long both may be together, to be better read than worked on with code.
        most_chars: How long they may be to fit into the model's window.
        needs_code: What only code can use, if there is such a thing.
    """
    if asked == "rlm":
        return WITH_REPL
    if asked == "direct":
        return ModeChoice("direct", "it was asked for")
    if needs_code is not None:
        return ModeChoice("rlm", f"the run has {needs_code}, which only code can use")
    size = _text_chars(context)
    if size is None:
        kind = type(context).__name__
        return ModeChoice("rlm", f"the context is of type {kind}, which code reads better")
    size += 0 if context is query else len(query)
    said = f"query and context have {size:,} characters, "
    if size >= below_chars:
        return ModeChoice("rlm", f"{said}not fewer than direct_below_chars of {below_chars:,}")
    if size > most_chars:
        return ModeChoice("rlm", f"{said}more than the {most_chars:,} of the model's window")
    return ModeChoice("direct", f"{said}fewer than direct_below_chars of {below_chars:,}")


def _text_chars(context: object) -> int | None:
    """Count the characters of a text, or of several by their names; None for anything else."""
    match context:
        case str():
            return len(context)
        case dict() if all(isinstance(part, str) for pair in context.items() for part in pair):
            return sum(len(name) + len(text) for name, text in context.items())
    return None
