"""What a sandbox may say, as `deno_sandbox/PROTOCOL.md` has it; anything else loses it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL = 4

# 100 characters, each written as an escape
_Label = Annotated[str, Field(max_length=1000)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Ready(_Message):
    """Params of `ready`."""

    protocol: int
    python: str = Field(max_length=40)


class Output(_Message):
    """Params of `output`."""

    stream: Literal["stdout", "stderr"]
    text: str = Field(max_length=600_000)
    omitted: int = Field(ge=0, le=2**53)


class Cancel(_Message):
    """Params of `cancel`: a request that is open, or has just ended."""

    id: int


class Fatal(_Message):
    """Params of `fatal`."""

    message: str = Field(max_length=10_000)


class Nothing(_Message):
    """Params of `final` and `limits`: they are asked in the name of the node that asks."""


class LLMQuery(_Message):
    """Params of `llm_query`."""

    model: str | None = Field(max_length=200)
    recursive: bool | None
    answer_schema: str | None = Field(max_length=100_000)


class ToolRequest(_Message):
    """Params of `tool`."""

    name: str = Field(max_length=200)


class Execution(_Message):
    """Result of `execute`."""

    error: str | None = Field(max_length=200_000)
    interrupted: bool
    pending: list[_Label] = Field(max_length=20)
    variables: list[_Label] = Field(max_length=200)
    values: list[_Label] = Field(max_length=200)
