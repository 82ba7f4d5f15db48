"""The file of `--schema`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from rlm_runtime._errors import ConfigError, InputError

recorded_schema_option = click.option(
    "--schema",
    envvar="RLM_SCHEMA",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A JSON schema that the answer must follow.  [default: the one that the run had]",
)
"""Of the commands that go on with a run."""


def load_schema(path: Path) -> Mapping[str, object]:
    """Read a JSON schema, and see that it can be used, before anything is paid for.

    Raises:
        InputError: The file cannot be read, or is not JSON.
        ConfigError: It is no schema, or has what is not supported.
    """
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except OSError as exc:
        reason = (exc.strerror or type(exc).__name__).lower()
        raise InputError(f"Cannot read the schema {str(path)!r}: {reason}") from exc
    except (ValueError, RecursionError) as exc:
        raise InputError(f"Cannot read the schema {str(path)!r}: it is not JSON: {exc}") from exc
    # Its patterns need pydantic, which other commands do not wait for
    from rlm_runtime._answer_types.schema import parse_schema

    try:
        _, schema = parse_schema(text)
    except ConfigError as exc:
        exc.add_note(f"the schema comes from {str(path)!r}")
        raise
    return schema
