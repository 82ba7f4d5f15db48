"""Values in a few words, whatever their size, for those who are told what is wrong with them."""

from __future__ import annotations

_MOST_CHARS = 60
_MOST_BITS = 200
_NAMED = (list, tuple, dict, set, frozenset, str, bytes, bytearray)


def brief(value: object) -> str:
    """Show a small value as it is, of a large one the type and the size."""
    kind = type(value).__name__
    match value:
        case None | bool() | float():
            return repr(value)
        case int():
            few = value.bit_length() <= _MOST_BITS
            return repr(value) if few else f"an int of {value.bit_length():,} bits"
        case str() | bytes() | bytearray():
            cut = value[:_MOST_CHARS]
            return repr(cut) + ("…" if len(value) > _MOST_CHARS else "")
        case _ if isinstance(value, _NAMED):
            return f"a {kind} of {len(value):,} item{'' if len(value) == 1 else 's'}"
    return f"of type {kind}"


def brief_path(path: tuple[object, ...]) -> str:
    """Write keys and indices as Python would."""
    return "".join(map(_step, path))


def _step(key: object) -> str:
    if isinstance(key, str) and key.isidentifier() and len(key) <= _MOST_CHARS:
        return f".{key}"
    return f"[{brief(key)}]"
