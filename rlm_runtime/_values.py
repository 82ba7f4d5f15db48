"""The value codec: Python values to bytes and back, exactly, without pickle.

This very file also runs inside of the sandbox, so both ends always agree; it may import the
standard library and `_value_bases` only. `deno_sandbox/PROTOCOL.md` describes the format. Bytes
that come from a sandbox are hostile: decoding builds values of the types below, runs nothing, and
takes memory in proportion to the bytes.

Exact: None, bool, int, float, complex, str with any code point, bytes, bytearray, list, tuple,
dict in order with any of these as keys, set, frozenset, date, time, datetime with no zone, a fixed
offset or a ZoneInfo, timedelta, Decimal, Fraction, UUID, PurePath. Converted: an Enum to its value,
a dataclass and a namedtuple to a dict, other subclasses to their base type. Shared references are
copied.
"""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections import Counter
from collections.abc import Callable, Collection
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

from rlm_runtime._value_bases import base_of

MAX_LEVELS = 200
"""Containers inside of containers that a value may have."""

_TAG = "$"
_HEAD = 8
# Longer texts travel beside the JSON, where one wide character costs nothing to the others
_INLINE_CHARS = 1000
_DIGITS = 10**4000
_MAX_EQUAL_HASHES = 32
_MAX_CONTAINERS = 20_000_000
_TOO_MANY = f"it has more than {_MAX_CONTAINERS:,} lists, dicts and the like"
_SCALARS = frozenset({type(None), bool, int, float, str})


class UnsendableError(TypeError):
    """A value cannot cross between sandbox and host; the message names its type and its place."""


class MalformedValueError(ValueError):
    """Bytes are not a value in the format of this codec."""


class _Unsendable(Exception):
    """Carries the reason up to the top, collecting the path on the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def encode(value: object, *, name: str = "value", wrapped: int = 0) -> bytes:
    """Encode a value; `name` stands for it in an error, `wrapped` levels of it do not count.

    Raises:
        UnsendableError: Some part of it is of another type, a cycle, or nested too deep.
    """
    encoder = _Encoder(-wrapped)
    try:
        tree = encoder.encode(value)
    except _Unsendable as exc:
        place = name + "".join(reversed(exc.path))
        raise UnsendableError(f"Cannot send {place}: {exc.reason}") from None
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if _has_too_many_containers(text):
        raise UnsendableError(f"Cannot send {name}: {_TOO_MANY}")
    data = text.encode("utf-8", "surrogatepass")
    return b"".join((len(data).to_bytes(_HEAD, "big"), data, *encoder.blobs))


def decode(data: bytes | bytearray) -> Any:
    """Decode what `encode` made.

    Raises:
        MalformedValueError: The bytes are something else.
    """
    view = memoryview(data)
    end = _HEAD + int.from_bytes(view[:_HEAD], "big")
    if not _HEAD <= end <= len(view):
        raise MalformedValueError("Cannot decode a value: its text is cut")
    try:
        text = str(view[_HEAD:end], "utf-8", "surrogatepass")
        if _has_too_many_containers(text):
            raise MalformedValueError(f"Cannot decode a value: {_TOO_MANY}")
        tree = json.loads(text, parse_constant=float)  # each nan is a key of its own
        decoder = _Decoder(view[end:])
        value = decoder.decode(tree)
    except MalformedValueError:
        raise
    except (
        ValueError,
        TypeError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
    ) as exc:
        reason = f"{type(exc).__name__}: {str(exc)[:200]}"
        raise MalformedValueError(f"Cannot decode a value: {reason}") from None
    if decoder.rest:
        raise MalformedValueError(f"Cannot decode a value: {decoder.rest} bytes too many")
    return value


def _has_too_many_containers(text: str) -> bool:
    # Two bytes of JSON become a list of 56, so they are counted before they are made; a bracket
    # inside of a short text counts too, which is rare enough
    return text.count("[") + text.count("{") > _MAX_CONTAINERS


def _is_plain(values: Collection[Any]) -> bool:
    """Tell whether JSON holds these values as they are; most of the work is done in C."""
    types = set(map(type, values))
    if not types <= _SCALARS:
        return False
    if types == {str}:
        return max(map(len, values)) <= _INLINE_CHARS
    if types == {int}:
        return bool(-_DIGITS < min(values) and max(values) < _DIGITS)
    if int in types or str in types:
        return all(map(_is_plain_scalar, values))
    return True


def _is_plain_scalar(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return len(value) <= _INLINE_CHARS
    return kind is not int or bool(-_DIGITS < value < _DIGITS)


class _Encoder:
    """Turns one value into a JSON tree and the blobs beside it; few frames for each level."""

    def __init__(self, levels: int) -> None:
        self.blobs: list[bytes | bytearray] = []
        self._open: set[int] = set()
        self._levels = levels

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SCALARS and _is_plain_scalar(value):
            return value
        if writer := _WRITERS.get(kind):
            return writer(self, value)
        # A converted object is copied, so only the original shows a cycle through it
        self._enter(value, levels=0)
        try:
            base = base_of(value)
        except TypeError as exc:
            raise _Unsendable(str(exc)) from None
        encoded = self.encode(base)
        self._leave(value, levels=0)
        return encoded

    def blob(self, tag: str, data: bytes | bytearray) -> dict[str, Any]:
        self.blobs.append(data)
        return _tag(tag, len(data))

    def sequence(self, values: Collection[Any]) -> list[Any]:
        encoded: list[Any] = []
        self._enter(values)
        try:
            if _is_plain(values):
                encoded = list(values)
            else:
                for item in values:
                    encoded.append(self.encode(item))
        except _Unsendable as exc:
            exc.path.append(f"[{len(encoded)}]")
            raise
        self._leave(values)
        return encoded

    def mapping(self, value: dict[Any, Any]) -> Any:
        named = set(map(type, value)) <= {str} and _TAG not in value and _is_plain(value)
        plain = named and _is_plain(value.values())
        pairs: list[Any] = []
        self._enter(value)
        for key, item in () if plain else value.items():
            try:
                pairs += [key if named else self.encode(key), self.encode(item)]
            except _Unsendable as exc:
                exc.path.append(f"[{_short(key)}]")
                raise
        self._leave(value)
        if plain:
            return value
        if named:
            return dict(zip(pairs[::2], pairs[1::2], strict=True))
        return _tag("dict", pairs)

    def _enter(self, value: Any, *, levels: int = 1) -> None:
        if id(value) in self._open:
            raise _Unsendable(f"this {type(value).__name__} contains itself")
        if self._levels + levels > MAX_LEVELS:
            raise _Unsendable(f"it has more than {MAX_LEVELS} levels")
        self._open.add(id(value))
        self._levels += levels

    def _leave(self, value: Any, *, levels: int = 1) -> None:
        self._open.discard(id(value))
        self._levels -= levels


def _short(key: object) -> str:
    try:
        text = repr(key)
    except Exception:  # a key's own __repr__ is user code and may raise anything
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."


def _tag(tag: str, value: Any) -> dict[str, Any]:
    return {_TAG: tag, "v": value}


def _write_str(encoder: _Encoder, value: str) -> Any:
    return encoder.blob("str", value.encode("utf-8", "surrogatepass"))


def _write_zone(value: dt.tzinfo | None) -> Any:
    match value:
        case None:
            return None
        case zoneinfo.ZoneInfo(key=str(key)):
            return key
        case dt.timezone():
            offset = value.utcoffset(None)
            name = value.tzname(None)
            unnamed = dt.timezone(offset).tzname(None) == name
            return [*_parts(offset), None if unnamed else name]
    raise _Unsendable(f"a time zone of type {type(value).__name__} cannot be sent")


def _parts(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _write_clock(tag: str, value: dt.time | dt.datetime) -> Any:
    text = value.replace(tzinfo=None, fold=0).isoformat()
    return _tag(tag, [text, value.fold, _write_zone(value.tzinfo)])


_WRITERS: dict[type, Callable[[_Encoder, Any], Any]] = {
    str: _write_str,
    int: lambda _, value: _tag("int", hex(value)),
    complex: lambda _, value: _tag("complex", [value.real, value.imag]),
    bytes: lambda encoder, value: encoder.blob("bytes", value),
    bytearray: lambda encoder, value: encoder.blob("bytearray", bytes(value)),
    list: _Encoder.sequence,
    tuple: lambda encoder, value: _tag("tuple", encoder.sequence(value)),
    dict: _Encoder.mapping,
    set: lambda encoder, value: _tag("set", encoder.sequence(value)),
    frozenset: lambda encoder, value: _tag("frozenset", encoder.sequence(value)),
    dt.date: lambda _, value: _tag("date", value.isoformat()),
    dt.time: lambda _, value: _write_clock("time", value),
    dt.datetime: lambda _, value: _write_clock("datetime", value),
    dt.timedelta: lambda _, value: _tag("timedelta", _parts(value)),
    Decimal: lambda _, value: _tag("decimal", str(value)),
    Fraction: lambda _, value: _tag("fraction", [hex(value.numerator), hex(value.denominator)]),
    UUID: lambda _, value: _tag("uuid", value.hex),
    PurePosixPath: lambda _, value: _tag("path", str(value)),
    PureWindowsPath: lambda _, value: _tag("winpath", str(value)),
}


class _Decoder:
    """Turns a JSON tree and the blobs beside it into a value."""

    def __init__(self, blobs: memoryview) -> None:
        self._blobs = blobs
        self._levels = 0

    @property
    def rest(self) -> int:
        """Bytes that no blob has taken yet."""
        return len(self._blobs)

    def decode(self, tree: Any) -> Any:
        if type(tree) is not list and type(tree) is not dict:
            return tree
        # A tuple is a list inside of a tag, so the tree has up to twice as many levels
        self._levels += 1
        if self._levels > 2 * MAX_LEVELS + 2:
            raise MalformedValueError("Cannot decode a value: it has too many levels")
        value: Any = tree
        if isinstance(tree, list):
            if not _is_flat(tree):
                value = list(map(self.decode, tree))
        elif _TAG in tree:
            value = self._tagged(tree)
        elif not _is_flat(tree.values()):
            value = dict(zip(tree, map(self.decode, tree.values()), strict=True))
        self._levels -= 1
        return value

    def _tagged(self, tree: dict[str, Any]) -> Any:
        tag, value = tree[_TAG], tree.get("v")
        if len(tree) != 2 or type(tag) is not str:
            raise MalformedValueError("Cannot decode a value: a tag is not one")
        if build := _BUILDERS.get(tag):
            if type(value) is not list:
                raise MalformedValueError(f"Cannot decode a value: no items in a {tag}")
            return build(self.decode(value))
        if read := _READERS.get(tag):
            return read(self, value)
        raise MalformedValueError(f"Cannot decode a value: unknown tag {_short(tag)}")

    def take(self, size: Any) -> memoryview:
        if type(size) is not int or not 0 <= size <= len(self._blobs):
            raise MalformedValueError("Cannot decode a value: a blob is cut")
        data, self._blobs = self._blobs[:size], self._blobs[size:]
        return data


def _is_flat(values: Collection[Any]) -> bool:
    types = set(map(type, values))
    return list not in types and dict not in types


def _keys(keys: list[Any]) -> list[Any]:
    # Keys made to collide would cost quadratic time; equal hashes are rare otherwise
    most = Counter(map(hash, keys)).most_common(1)
    if most and most[0][1] > _MAX_EQUAL_HASHES:
        raise MalformedValueError("Cannot decode a value: too many keys have the same hash")
    return keys


_BUILDERS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "dict": lambda items: dict(zip(_keys(items[::2]), items[1::2], strict=True)),
    "set": lambda items: set(_keys(items)),
    "frozenset": lambda items: frozenset(_keys(items)),
}


def _read_zone(zone: Any) -> dt.tzinfo | None:
    match zone:
        case None:
            return None
        case str():
            try:
                return zoneinfo.ZoneInfo(zone)
            except OSError as exc:
                raise ValueError(f"no time zone {_short(zone)}") from exc
        case [int(days), int(seconds), int(micros), None]:
            return dt.timezone(dt.timedelta(days, seconds, micros))
        case [int(days), int(seconds), int(micros), str(name)]:
            return dt.timezone(dt.timedelta(days, seconds, micros), name)
    raise ValueError("not a time zone")


def _read_time(_: _Decoder, value: Any) -> dt.time:
    text, fold, zone = value
    return dt.time.fromisoformat(text).replace(fold=fold, tzinfo=_read_zone(zone))


def _read_datetime(_: _Decoder, value: Any) -> dt.datetime:
    text, fold, zone = value
    return dt.datetime.fromisoformat(text).replace(fold=fold, tzinfo=_read_zone(zone))


def _read_fraction(_: _Decoder, value: Any) -> Fraction:
    numerator, denominator = (int(part, 16) for part in value)
    if denominator <= 0:
        raise ValueError("a denominator that is not positive")
    fraction = Fraction()
    # Its constructor looks for a common divisor, which takes minutes where the parts are forged;
    # those of a Fraction that was sent have none
    for name, part in (("_numerator", numerator), ("_denominator", denominator)):
        setattr(fraction, name, part)
    return fraction


_READERS: dict[str, Callable[[_Decoder, Any], Any]] = {
    "str": lambda decoder, size: str(decoder.take(size), "utf-8", "surrogatepass"),
    "int": lambda _, value: int(value, 16),
    "complex": lambda _, value: complex(*map(float, value)),
    "bytes": lambda decoder, size: bytes(decoder.take(size)),
    "bytearray": lambda decoder, size: bytearray(decoder.take(size)),
    "date": lambda _, value: dt.date.fromisoformat(value),
    "time": _read_time,
    "datetime": _read_datetime,
    "timedelta": lambda _, value: dt.timedelta(*value),
    "decimal": lambda _, value: Decimal(value),
    "fraction": _read_fraction,
    "uuid": lambda _, value: UUID(hex=value),
    "path": lambda _, value: PurePosixPath(value),
    "winpath": lambda _, value: PureWindowsPath(value),
}
