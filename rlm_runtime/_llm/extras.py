"""A model's settings, joined with what its caller adds to the requests; the latter wins."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping

from rlm_runtime._errors import ConfigError
from rlm_runtime._models import Model

_NAME_CHARS = 32

CAPS = ("max_completion_tokens", "max_tokens")
"""The names that a cap on a reply goes by."""

# What they hold is ours to say, and several choices would be paid for but never read
_OURS = frozenset({"messages", "model", "n", "stream", "stream_options"})
# What opens doors changes no reply, and even a digest of it is nothing for a trace
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTHORIZATION")


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


def name_settings(model: Model) -> str:
    """Name what a model is asked with beside messages and schema; empty where that is nothing."""
    settings = _without_secrets(join_settings(model))
    if model.max_completion_tokens is not None:
        settings["cap"] = model.max_completion_tokens
    if not settings:
        return ""
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_NAME_CHARS]


def take_caps(settings: dict[str, object]) -> dict[str, int]:
    """Take all caps on a reply out of the settings, by the names that they were given by.

    Raises:
        ConfigError: One is no number of tokens.
    """
    return {name: _cap(settings.pop(name)) for name in CAPS if name in settings}


def _without_secrets(settings: Mapping[str, object]) -> dict[str, object]:
    """Leave out texts whose names tell that they are keys, at any depth."""
    return {
        str(name): _without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if not (isinstance(value, str) and _SECRET.search(str(name).upper()))
    }


def _cap(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"Cannot limit a reply to {value!r} tokens: it must be 1 or more")
    return value
