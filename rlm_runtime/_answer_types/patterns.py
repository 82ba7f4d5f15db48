"""Regular expressions, which may be hostile as their texts may: Rust's, bounded in size and work.

Rust's engine never backtracks, but it takes time for each state and character, and lets no other
thread run meanwhile: `(?:a{1,1000}){1,100}x` took 109 s for 100,000 characters.
"""

from __future__ import annotations

import math
import re

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from rlm_runtime._errors import ConfigError

_MOST_CHARS = 500
MOST_STATES = 1_000_000
"""What all patterns of a schema may come to."""
# About 0.3 s at 10 ns each
_STATES_TIMES_CHARS = 30_000_000
_COUNTS = re.compile(r"\{([^}]*)\}")
_CLASSES = re.compile(r"\\[a-zA-Z]|[.\[]")
_CLASS_STATES = 500
# Spaces and comments could hide a count
_VERBOSE = re.compile(r"\(\?[a-zA-Z-]*x")


class Pattern:
    """A pattern that a text must have a match for, anywhere in it.

    Args:
        source: It.
        flags: What stands before it, such as `(?i)`; not in what an error tells.
    """

    def __init__(self, source: str, *, flags: str = "") -> None:
        self.source = source
        self.states = _most_states(source)
        """The most states that its automaton has, roughly."""
        self.most_chars = _STATES_TIMES_CHARS // self.states
        """Longer texts would take too long."""
        try:
            self._validator = SchemaValidator(core_schema.str_schema(pattern=flags + source))
        except SchemaError as exc:
            reason = str(exc).strip().splitlines()[-1]
            raise ConfigError(f"Cannot use the pattern {source!r}: {reason}") from None

    def is_found_in(self, text: str) -> bool:
        """Tell whether a text of at most `most_chars` has a match."""
        try:
            self._validator.validate_python(text)
        except ValidationError:
            return False
        return True


def _most_states(source: str) -> int:
    if len(source) > _MOST_CHARS:
        raise ConfigError(
            f"Cannot use a pattern of {len(source):,} characters: it may have {_MOST_CHARS}"
        )
    if _VERBOSE.search(source):
        raise ConfigError(f"Cannot use the pattern {source!r}: the flag x is not supported")
    # As if each count stood inside of the one before
    numbers = (map(int, re.findall(r"\d+", counts)) for counts in _COUNTS.findall(source))
    repeated = math.prod(max(1, *each, 1) for each in numbers)
    states = (3 * len(source) + 1 + _CLASS_STATES * len(_CLASSES.findall(source))) * repeated
    if states > MOST_STATES:
        raise ConfigError(f"Cannot use the pattern {source!r}: it repeats too much")
    return states
