"""From the JSON schemas of an MCP tool to a signature; they are a stranger's, so all is bounded."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from rlm_runtime._tools.signature import Written, write_literal

_MAX_PARAMETERS = 60
_MAX_NAME_CHARS = 60
_MAX_CHOICES = 8
_MAX_LEVELS = 4
_MAX_TYPE_CHARS = 200
_MAX_DOC_CHARS = 10_000
_MAX_LINE_CHARS = 400
_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "array": "list",
    "object": "dict",
}
_EMPTY = inspect.Parameter.empty
_MORE = "more"

Schema = Mapping[str, Any]
"""A JSON schema, or what a server says is one."""


class Parameters:
    """What a tool of an MCP server takes."""

    def __init__(self, schema: Schema, returns: str = "") -> None:
        properties = _mapping(schema, "properties")
        required = schema.get("required")
        given = required if isinstance(required, list) else []
        wanted = {one for one in given if isinstance(one, str)}
        # In the order of the properties
        needed = {one: None for one in properties if one in wanted}
        # Python wants those without a default first
        ordered = [*needed, *(one for one in properties if one not in needed)]
        self._keys: dict[str, str] = {}
        own = {_MORE} if len(ordered) > _MAX_PARAMETERS else set()
        for key in islice(ordered, _MAX_PARAMETERS):
            self._keys[identifier(key, taken=own | self._keys.keys())] = key
        parameters = [
            _parameter(name, properties[key], schema, is_needed=key in needed)
            for name, key in self._keys.items()
        ]
        if len(ordered) > _MAX_PARAMETERS:
            parameters.append(inspect.Parameter(_MORE, inspect.Parameter.VAR_KEYWORD))
        returned = Written(returns) if returns else inspect.Signature.empty
        self._signature = inspect.Signature(parameters, return_annotation=returned)
        self._properties = properties

    def __str__(self) -> str:
        return str(self._signature)

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name the arguments of a call as the schema does.

        Raises:
            TypeError: There are too many, too few, or others.
        """
        names = {key: name for name, key in self._keys.items()}
        given = {
            key if key in self._keys else names.get(key, key): value
            for key, value in kwargs.items()
        }
        bound = self._signature.bind(*args, **given).arguments
        more = bound.pop(_MORE, {}) if len(self._properties) > _MAX_PARAMETERS else {}
        return {self._keys[name]: value for name, value in bound.items()} | more

    def describe(self) -> Iterator[str]:
        """Give a line for each parameter that the server has words for."""
        for name, key in self._keys.items():
            text = _mapping(self._properties, key).get("description")
            if isinstance(text, str) and text.strip():
                yield f"    {name}: {' '.join(text.split())[:_MAX_LINE_CHARS]}"


def identifier(text: str, *, taken: Container[str]) -> str:
    """Make a name of Python's that is not taken yet."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:_MAX_NAME_CHARS].lstrip("_") or "x"
    if name[0].isdigit():
        name = f"x{name}"
    if keyword.iskeyword(name):
        name += "_"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def write_doc(description: str | None, parameters: Parameters) -> str:
    """Write a docstring from what a server says of a tool and its parameters."""
    lines = list(parameters.describe())
    parts = [
        inspect.cleandoc(description or "").strip(),
        "\n".join(["Args:", *lines]) if lines else "",
    ]
    return "\n\n".join(part for part in parts if part)[:_MAX_DOC_CHARS]


def write_schema(schema: object, root: Schema, levels: int = _MAX_LEVELS) -> str:
    """Write a schema as a type of Python in few words; empty where there are none for it."""
    if not isinstance(schema, Mapping) or not levels:
        return ""
    text = _write(schema, root, levels - 1)
    return text if len(text) <= _MAX_TYPE_CHARS else ""


def _write(schema: Schema, root: Schema, levels: int) -> str:
    match schema:
        case {"$ref": str(ref)}:
            place, _, name = ref.rpartition("/")
            known = _mapping(root, place.removeprefix("#/"))
            return write_schema(known.get(name), root, levels)
        case {"const": value}:
            return f"Literal[{write_literal(value)}]"
        case {"enum": [*values]} if 0 < len(values) <= _MAX_CHOICES:
            return f"Literal[{', '.join(map(write_literal, values))}]"
        case {"anyOf": [*choices]} | {"oneOf": [*choices]}:
            return _union(write_schema(one, root, levels) for one in choices[:_MAX_CHOICES])
        case {"type": [*kinds]}:
            return _union(_TYPES.get(str(kind), "") for kind in kinds[:_MAX_CHOICES])
        case {"type": "array", "items": items}:
            item = write_schema(items, root, levels)
            return f"list[{item}]" if item else "list"
        case {"type": str(kind)}:
            return _TYPES.get(kind, "")
    return ""


def _union(types: Iterator[str]) -> str:
    parts = list(dict.fromkeys(types))
    return " | ".join(parts) if all(parts) else ""


def _parameter(name: str, schema: object, root: Schema, *, is_needed: bool) -> inspect.Parameter:
    text = write_schema(schema, root)
    default: object = _EMPTY
    if not is_needed:
        has_default = isinstance(schema, Mapping) and "default" in schema
        default = Written(write_literal(schema["default"]) if has_default else "...")  # type: ignore[index]  # has_default says so
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Written(text) if text else _EMPTY,
    )


def _mapping(schema: Schema, key: str) -> Schema:
    value = schema.get(key)
    return value if isinstance(value, Mapping) else {}
