"""Spans as this package has them, before OpenTelemetry's SDK takes them over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

Attribute = str | bool | int | float | tuple[str, ...]

_MOST_INT = 2**63 - 1
_MOST_NAME_CHARS = 200
_MOST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    time: int
    attributes: dict[str, Attribute]


@dataclass(slots=True, kw_only=True)
class Span:
    """A length of time in which one thing was done; times are nanoseconds since the epoch."""

    name: str
    id: int
    parent: int | None
    """None for the root."""
    start: int
    end: int = 0
    kind: Literal["internal", "client"] = "internal"
    attributes: dict[str, Attribute] = field(default_factory=dict)
    events: list[SpanEvent] = field(default_factory=list)
    failed: bool = False
    description: str | None = None
    """What went wrong, where it may be told."""
    links: tuple[tuple[int, int], ...] = ()
    """Ids of the traces and spans that it goes on from."""

    def set(self, **attributes: object) -> None:
        """Set attributes; `__` stands for a dot, and what is None or empty is left out."""
        self.attributes |= clean(attributes)

    def tell(self, name: str, time: int, **attributes: object) -> None:
        """Add an event, unless there are too many."""
        if len(self.events) < _MOST_EVENTS:
            self.events.append(SpanEvent(name, time, clean(attributes)))

    def fail(self, error_type: str, description: str | None = None) -> None:
        """Say that it ended in an error."""
        self.failed, self.description = True, _text(description) if description else None
        self.set(error__type=error_type[:_MOST_NAME_CHARS])


def clean(attributes: dict[str, object]) -> dict[str, Attribute]:
    """Name attributes by their dots, and keep to what OTLP can carry."""
    cleaned: dict[str, Attribute] = {}
    for name, value in attributes.items():
        match value:
            case str() if value:
                cleaned[name.replace("__", ".")] = _text(value)
            case bool() | float():
                cleaned[name.replace("__", ".")] = value
            case int():
                cleaned[name.replace("__", ".")] = max(-_MOST_INT, min(value, _MOST_INT))
            case tuple() if value:
                cleaned[name.replace("__", ".")] = tuple(_text(str(one)) for one in value)
    return cleaned


def span_name(operation: str, what: str) -> str:
    """Give the name of a span."""
    return _text(f"{operation} {what}"[:_MOST_NAME_CHARS])


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a run's trace and spans: always the same, whenever they are asked for."""

    run: str
    session: int = 0
    """The number of the event that the session of the run began with."""

    @property
    def trace(self) -> int:
        """The id of the run's trace."""
        return _digest(f"rlm-trace/{self.run}", 16)

    def span(self, kind: str, *numbers: int) -> int:
        """Give the id of a span of this session."""
        return _digest(f"rlm-span/{self.run}/{self.session}/{kind}/{numbers}", 8)


def nanoseconds(seconds: float) -> int:
    """Give a time as OTLP has it."""
    # Not a number is 0 too
    return min(int(seconds * 1e9), _MOST_INT) if 0 < seconds < 1e12 else 0


def _digest(text: str, size: int) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:size]
    # All zeros would be no id
    return int.from_bytes(digest, "big") or 1


def _text(text: str) -> str:
    # A lone surrogate cannot be sent; in JSON this is its escape
    return text.encode("utf-8", "backslashreplace").decode()
