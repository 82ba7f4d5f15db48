"""JSON schemas, parsed: a closed subset in bounded size, since a schema may be hostile."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any
from urllib.parse import unquote

from rlm_runtime._answer_types.patterns import MOST_STATES, Pattern
from rlm_runtime._errors import ConfigError

MOST_CHARS = 100_000
"""Characters of a schema as JSON text."""
_MOST_PARTS = 2_000
_MOST_LEVELS = 50
_TYPES: Mapping[str, frozenset[type]] = {
    "null": frozenset({NoneType}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "string": frozenset({str}),
    "array": frozenset({list, tuple}),
    "object": frozenset({dict}),
}
_BOUNDS = frozenset(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems"
    " maxItems minProperties maxProperties".split()
)
_SIZES = frozenset(name for name in _BOUNDS if name.endswith(("Length", "Items", "Properties")))
_SAYS_NOTHING = frozenset(
    "$comment $defs $id $schema default definitions deprecated description discriminator example"
    " examples format readOnly title writeOnly".split()
)
_READ = frozenset(
    "$ref additionalProperties allOf anyOf const enum items nullable oneOf pattern prefixItems"
    " properties required type uniqueItems".split()
)


@dataclass(slots=True, eq=False)
class Schema:
    """One part of a schema; what it does not name, it allows."""

    never: bool = False
    types: frozenset[type] | None = None
    type_names: str = ""
    constants: tuple[object, ...] | None = None
    bounds: tuple[tuple[str, int | float], ...] = ()
    pattern: Pattern | None = None
    properties: dict[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    additional: Schema | None = None
    prefix: tuple[Schema, ...] = ()
    items: Schema | None = None
    unique: bool = False
    all_of: tuple[Schema, ...] = ()
    """What `$ref` names is one of them."""
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    only_types: bool = False
    """Whether it asks for types at most."""


def parse_schema(text: str) -> tuple[Schema, dict[str, Any]]:
    """Parse a JSON schema; give it for checking, and as JSON.

    Raises:
        ConfigError: It is too large, remote, endless, or uses what is not supported.
    """
    if len(text) > MOST_CHARS:
        raise ConfigError(
            f"Cannot use this schema: it has {len(text):,} characters, and may have {MOST_CHARS:,}"
        )
    try:
        raw = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"Cannot use this schema: it is not JSON: {exc}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"Cannot use this schema: it is of type {type(raw).__name__}, not object")
    parser = _Parser(raw)
    schema = parser.parse(raw, "#", 0)
    _check_progress(parser.parts())
    return schema, raw


class _Parser:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        # Each object once, so that what refers to itself does too when it is parsed
        self._parsed: dict[int, Schema] = {}
        self._patterns: dict[str, Pattern] = {}

    def parts(self) -> list[Schema]:
        return list(self._parsed.values())

    def parse(self, raw: object, place: str, level: int) -> Schema:
        if isinstance(raw, bool):
            return Schema(never=not raw)
        if not isinstance(raw, dict):
            raise _bad(place, f"a schema is an object, true or false, not {_name(raw)}")
        if level > _MOST_LEVELS:
            raise _bad(place, f"it is nested more than {_MOST_LEVELS} levels deep")
        if id(raw) in self._parsed:
            return self._parsed[id(raw)]
        if len(self._parsed) == _MOST_PARTS:
            raise ConfigError(f"Cannot use this schema: it has more than {_MOST_PARTS:,} parts")
        unknown = sorted(raw.keys() - _READ - _BOUNDS - _SAYS_NOTHING)
        if unknown:
            raise _bad(place, f"the keyword {unknown[0]!r} is not supported")
        schema = self._parsed[id(raw)] = Schema()
        self._read_values(schema, raw, place)
        self._read_parts(schema, raw, place, level + 1)
        says = raw.keys() - _SAYS_NOTHING - {"nullable"}
        schema.only_types = says <= {"type"}
        return schema

    def _read_values(self, schema: Schema, raw: dict[str, Any], place: str) -> None:
        if "type" in raw:
            schema.types, schema.type_names = _types(raw, place)
        if "const" in raw or "enum" in raw:
            given = [raw["const"]] if "const" in raw else raw["enum"]
            schema.constants = tuple(_list(given, f"{place}/enum"))
        schema.bounds = tuple(
            (name, _number(raw[name], name, place)) for name in raw if name in _BOUNDS
        )
        if "pattern" in raw:
            schema.pattern = self._pattern(raw["pattern"], f"{place}/pattern")
        required = _list(raw.get("required", []), f"{place}/required")
        if not all(isinstance(name, str) for name in required):
            raise _bad(f"{place}/required", "names are str")
        schema.required = tuple(required)
        schema.unique = raw.get("uniqueItems") is True

    def _read_parts(self, schema: Schema, raw: dict[str, Any], place: str, level: int) -> None:
        def one(name: str) -> Schema | None:
            return self.parse(raw[name], f"{place}/{name}", level) if name in raw else None

        def many(name: str) -> tuple[Schema, ...]:
            parts = enumerate(_list(raw.get(name, []), f"{place}/{name}"))
            return tuple(self.parse(part, f"{place}/{name}/{n}", level) for n, part in parts)

        properties = raw.get("properties", {})
        if not isinstance(properties, dict):
            raise _bad(f"{place}/properties", f"it is an object, not {_name(properties)}")
        schema.properties = {
            name: self.parse(part, f"{place}/properties/{name}", level)
            for name, part in properties.items()
        }
        schema.additional, schema.items = one("additionalProperties"), one("items")
        schema.prefix, schema.all_of = many("prefixItems"), many("allOf")
        schema.any_of, schema.one_of = many("anyOf"), many("oneOf")
        if "$ref" in raw:
            target = self._resolve(raw["$ref"], f"{place}/$ref")
            schema.all_of += (self.parse(target, str(raw["$ref"]), level),)

    def _resolve(self, ref: object, place: str) -> object:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            raise _bad(place, f"{ref!r} does not point into this schema by #/…")
        found: object = self._root
        for step in ref.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            match found:
                case dict() if name in found:
                    found = found[name]
                case list() if name.isdecimal() and len(name) < 6 and int(name) < len(found):
                    found = found[int(name)]
                case _:
                    raise _bad(place, f"there is no {ref!r} in this schema")
        return found

    def _pattern(self, source: object, place: str) -> Pattern:
        if not isinstance(source, str):
            raise _bad(place, f"it is text, not {_name(source)}")
        if source not in self._patterns:
            self._patterns[source] = Pattern(source)
            if sum(each.states for each in self._patterns.values()) > MOST_STATES:
                raise ConfigError("Cannot use this schema: its patterns are too large together")
        return self._patterns[source]


def _types(raw: dict[str, Any], place: str) -> tuple[frozenset[type], str]:
    given = raw["type"]
    names = [given] if isinstance(given, str) else _list(given, f"{place}/type")
    if raw.get("nullable") is True and "null" not in names:
        names = [*names, "null"]
    types: frozenset[type] = frozenset()
    for name in names:
        if not isinstance(name, str) or name not in _TYPES:
            raise _bad(f"{place}/type", f"there is no type {name!r}; the types are {list(_TYPES)}")
        types |= _TYPES[name]
    return types, " or ".join(names)


def _check_progress(parts: list[Schema]) -> None:
    """Refuse a part that asks, for the very same value, for itself."""
    done: set[int] = set()
    open_: set[int] = set()
    for part in parts:
        waiting: list[tuple[Schema, Iterator[Schema]]] = []
        following: Schema | None = part
        while following is not None or waiting:
            if following is not None and id(following) not in done:
                open_.add(id(following))
                waiting.append((following, _same_value(following)))
            following = next(waiting[-1][1], None) if waiting else None
            if following is not None and id(following) in open_:
                raise ConfigError("Cannot use this schema: a part of it refers to itself at once")
            if following is None and waiting:
                ended, _ = waiting.pop()
                open_.discard(id(ended))
                done.add(id(ended))


def _same_value(schema: Schema) -> Iterator[Schema]:
    return iter((*schema.all_of, *schema.any_of, *schema.one_of))


def _number(value: object, name: str, place: str) -> int | float:
    wanted = int if name in _SIZES else int | float
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise _bad(f"{place}/{name}", f"it is a number, not {_name(value)}")
    assert isinstance(value, int | float)
    if abs(value) == math.inf or (value <= 0 and name == "multipleOf"):
        raise _bad(f"{place}/{name}", f"it cannot be {value}")
    return value


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(place, f"it is a list, not {_name(value)}")
    return value


def _name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _bad(place: str, reason: str) -> ConfigError:
    return ConfigError(f"Cannot use this schema: at {place[:200]}: {reason[:300]}")
