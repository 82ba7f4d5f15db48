"""Python types as JSON schemas, for `llm_query(schema=…)`."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Required, Union

_MAX_CHARS = 100_000
_SUPPORTED = (
    "str, int, float, bool, None, Any, list[…], tuple[…], dict[str, …], unions, Literal, Enum,"
    " TypedDict, dataclass, NamedTuple, or a JSON schema as a dict"
)
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
    list: {"type": "array"},
    tuple: {"type": "array"},
    dict: {"type": "object"},
}
_LISTS = (list, Sequence)
_DICTS = (dict, Mapping)
_UNIONS = (Union, types.UnionType)
_WRAPPERS = (Required, NotRequired, getattr(typing, "ReadOnly", Required))


def schema_text(given: Any) -> str:
    """Give the JSON schema of a type, or the one that was given, as text.

    Raises:
        TypeError: It is neither.
        ValueError: It is too long.
    """
    schema = given if isinstance(given, dict) else _of_class(given)
    if schema is None:
        schema = _Builder().root(given)
    try:
        text = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(
            f"schema= is no JSON schema: {exc}; for a dict with certain keys define a TypedDict"
        ) from None
    if len(text) > _MAX_CHARS:
        raise ValueError(f"schema= takes {len(text)} characters as JSON, and may {_MAX_CHARS}")
    return text


def _of_class(given: Any) -> Any:
    """Let a class tell its schema itself, as those of pydantic do."""
    own = getattr(given, "model_json_schema", None)
    return own() if isinstance(given, type) and callable(own) else None


class _Builder:
    """Builds one schema; a class inside of itself becomes a reference."""

    def __init__(self) -> None:
        self._names: dict[type, str] = {}
        self._referred: set[type] = set()
        self._definitions: dict[str, Any] = {}

    def root(self, given: Any) -> dict[str, Any]:
        schema = self._build(given)
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def _build(self, given: Any) -> dict[str, Any]:
        origin, args = typing.get_origin(given), typing.get_args(given)
        if origin is None and _is_key(given) and given in _PLAIN:
            return dict(_PLAIN[given])
        if origin is Annotated:
            notes = [note for note in args[1:] if isinstance(note, str)]
            return {**self._build(args[0]), **({"description": " ".join(notes)} if notes else {})}
        if origin in _WRAPPERS:
            return self._build(args[0])
        if origin is Literal:
            return _enum([each.value if isinstance(each, enum.Enum) else each for each in args])
        if origin in _UNIONS:
            return self._union([self._build(each) for each in args])
        if origin in _LISTS:
            return {"type": "array", "items": self._build(args[0])}
        if origin is tuple:
            return self._tuple(args)
        if origin in _DICTS and args[0] is str:
            return {"type": "object", "additionalProperties": self._build(args[1])}
        if isinstance(given, type) and origin is None:
            return self._class(given)
        alias = getattr(given, "__value__", None)
        if alias is not None:
            return self._build(alias)
        raise _unsupported(given)

    def _union(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        names = [part["type"] for part in parts if part.keys() == {"type"}]
        return {"type": names} if len(names) == len(parts) else {"anyOf": parts}

    def _tuple(self, args: tuple[Any, ...]) -> dict[str, Any]:
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": self._build(args[0])}
        parts, size = [self._build(each) for each in args], len(args)
        return {"type": "array", "prefixItems": parts, "minItems": size, "maxItems": size}

    def _class(self, given: type) -> dict[str, Any]:
        if issubclass(given, enum.Enum):
            return _enum([each.value for each in given])
        if given in self._names:
            self._referred.add(given)
            return self._reference(given)
        fields = _fields(given)
        if fields is None:
            raise _unsupported(given)
        name = given.__name__
        while name in self._names.values():
            name += "_"
        self._names[given] = name
        schema = self._object(given, fields)
        if given not in self._referred:
            del self._names[given]
            return schema
        self._definitions[name] = schema
        return self._reference(given)

    def _reference(self, given: type) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self._names[given]}"}

    def _object(self, given: type, required: dict[str, bool]) -> dict[str, Any]:
        hints = typing.get_type_hints(given, include_extras=True)
        return {
            "type": "object",
            "properties": {name: self._build(hints.get(name, Any)) for name in required},
            "required": [name for name, is_required in required.items() if is_required],
            "additionalProperties": False,
        }


def _fields(given: type) -> dict[str, bool] | None:
    """Name the fields of a class, and tell which must be there; None where it is no record."""
    if typing.is_typeddict(given):
        keys: frozenset[str] = getattr(given, "__required_keys__", frozenset())
        return {name: name in keys for name in given.__annotations__}
    if dataclasses.is_dataclass(given):
        missing = dataclasses.MISSING
        return {
            field.name: field.default is missing and field.default_factory is missing
            for field in dataclasses.fields(given)
        }
    if issubclass(given, tuple) and hasattr(given, "_fields"):
        defaults = getattr(given, "_field_defaults", {})
        return {name: name not in defaults for name in given._fields}
    return None


def _is_key(given: Any) -> bool:
    try:
        hash(given)
    except TypeError:
        return False
    return True


def _enum(values: list[Any]) -> dict[str, Any]:
    kinds = {type(value) for value in values}
    kind = _PLAIN.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _unsupported(given: Any) -> TypeError:
    hint = ""
    if isinstance(given, list) and len(given) == 1:
        hint = f"; write list[{getattr(given[0], '__name__', '…')}] for a list"
    shown = getattr(given, "__qualname__", None) or repr(given)
    return TypeError(f"schema= does not take {shown[:200]}{hint}; it takes {_SUPPORTED}")
