"""The user's settings of the viewer: looks and keys, read from one file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlm_runtime._printable import one_line, reason
from rlm_runtime._tui.playback import SPEEDS
from rlm_runtime._tui.view import Heat

_MOST_BYTES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """How the viewer begins; what is not set is as the viewer has it."""

    theme: str | None = None
    heat: Heat = "off"
    speed: float = 1.0
    track: bool = True
    wrap: bool | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    """Names of keys, with commas between them, by the id of what they do."""
    problems: tuple[str, ...] = ()
    """What of the file does not hold, and why."""


_EXPECTED = {
    "theme": "the name of a theme",
    "heat": "'off', 'cost' or 'time'",
    "speed": ", ".join(f"{speed:g}" for speed in SPEEDS),
    "track": "true or false",
    "wrap": "true or false",
    "keys": "a table",
}


def read_viewer_settings(path: Path) -> ViewerSettings:
    """Read a file of settings; one that is not there sets nothing.

    What makes no sense in it is left out, and told in `problems`.
    """
    try:
        if not path.is_file():
            # Opening what is no plain file may take for ever
            return _broken(path, "it is no file") if path.exists() else ViewerSettings()
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            return _broken(path, f"it has more than {_MOST_BYTES:,} bytes")
        return _read(tomllib.loads(text.decode()))
    except OSError as exc:
        return _broken(path, exc.strerror or str(exc))
    except (ValueError, RecursionError) as exc:
        return _broken(path, str(exc))


def _broken(path: Path, why: str) -> ViewerSettings:
    return ViewerSettings(problems=(reason(f"Cannot use {path}: {why}"),))


def _read(table: Mapping[str, object]) -> ViewerSettings:
    settings, problems = ViewerSettings(), []
    for name, value in table.items():
        with_it = _with(settings, name, value)
        if with_it is not None:
            settings = with_it
        elif name in _EXPECTED:
            problems.append(f"{name} must be {_EXPECTED[name]}")
        else:
            problems.append(f"There is no setting {_shown(name)}")
    return replace(settings, problems=(*settings.problems, *problems))


def _with(settings: ViewerSettings, name: str, value: object) -> ViewerSettings | None:
    """Set one thing; None where that is not possible."""
    match name, value:
        case "theme", str(theme):
            return replace(settings, theme=theme)
        case "heat", "off" | "cost" | "time" as heat:
            return replace(settings, heat=heat)
        case "speed", float() | int() as speed if not isinstance(speed, bool) and speed in SPEEDS:
            return replace(settings, speed=float(speed))
        case "track", bool(track):
            return replace(settings, track=track)
        case "wrap", bool(wrap):
            return replace(settings, wrap=wrap)
        case "keys", dict(keys):
            texts = {one: text for one, text in keys.items() if isinstance(text, str)}
            problems = tuple(f"{_shown(one)}: keys are a text" for one in keys if one not in texts)
            return replace(settings, keys=texts, problems=problems)
    return None


def _shown(name: str) -> str:
    return repr(one_line(name, 40))
