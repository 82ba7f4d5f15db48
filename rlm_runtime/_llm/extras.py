"""A model's settings, joined with what its caller adds to the requests; the latter wins."""

from __future__ import annotations

from collections.abc import Collection

from rlm_runtime._errors import ConfigError
from rlm_runtime._models import Model

CAPS = ("max_completion_tokens", "max_tokens")
"""The names that a cap on a reply goes by."""

# What they hold is ours to say, and several choices would be paid for but never read
_OURS = frozenset({"messages", "model", "n", "stream", "stream_options"})


def join_settings(model: Model, *, ours: Collection[str] = ()) -> dict[str, object]:
    """Give the members of a request that a model's settings and extras ask for.

    Raises:
        ConfigError: One of them is the runtime's own, or among `ours`.
    """
    taken = sorted(model.extra.keys() & (_OURS | set(ours)))
    if taken:
        raise ConfigError(
            f"Cannot send {taken[0]!r} as an extra of model {model.name!r}: the runtime does that"
        )
    settings = {
        "temperature": model.temperature,
        "top_p": model.top_p,
        "seed": model.seed,
        "reasoning_effort": model.reasoning_effort,
    }
    return {name: value for name, value in settings.items() if value is not None} | dict(
        model.extra
    )


def take_caps(settings: dict[str, object]) -> dict[str, int]:
    """Take all caps on a reply out of the settings, by the names that they were given by.

    Raises:
        ConfigError: One is no number of tokens.
    """
    return {name: _cap(settings.pop(name)) for name in CAPS if name in settings}


def _cap(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"Cannot limit a reply to {value!r} tokens: it must be 1 or more")
    return value
