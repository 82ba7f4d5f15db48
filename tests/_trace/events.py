"""Events of all kinds, and files made of records, for the tests of the trace."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgpack  # type: ignore[import-untyped]  # it ships no types
from hypothesis import strategies as st

from rlm_runtime._events import EVENT_TYPES, Event, SandboxLost
from rlm_runtime._trace.format import EVENT, make_beginning, make_record

_CHARACTERS = st.characters()  # lone surrogates too
_LONG = st.text(_CHARACTERS, min_size=1, max_size=4).map(lambda text: text * 2000)
_FIELDS: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(_CHARACTERS, max_size=20) | _LONG,
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    NoneType: st.none(),
}


def events(kind: str) -> st.SearchStrategy[Event]:
    """Make events of a kind, with anything in their fields that may be there."""
    event_type = EVENT_TYPES[kind]
    hints = get_type_hints(event_type)
    names = [field.name for field in fields(event_type) if field.name != "kind"]
    return st.builds(event_type, **{name: _of(hints[name]) for name in names})


def lost(number: int) -> SandboxLost:
    """Make a small event that differs from the others."""
    return SandboxLost(seq=number, node=number, reason=f"reason {number}")


def raw_trace(path: Path, *records: bytes, run: str = "r") -> Path:
    """Write a trace by hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join((make_beginning(run, 1.5), *records)))
    return path


def raw_event(record: object) -> bytes:
    """Make the record of an event by hand."""
    return make_record(EVENT, msgpack.packb(record))


def _of(hint: object) -> st.SearchStrategy[Any]:
    match get_origin(hint), get_args(hint):
        case origin, options if origin is UnionType:
            return st.one_of(*map(_of, options))
        case origin, words if origin is Literal:
            return st.sampled_from(words)
        case origin, (item, *_) if origin is tuple:
            return st.lists(_of(item), max_size=3).map(tuple)
        case origin, (key, item) if origin is dict:
            return st.dictionaries(_of(key), _of(item), max_size=3)
    return _FIELDS[hint]
