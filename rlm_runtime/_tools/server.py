"""What users say about an MCP server; nothing is started or reached here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rlm_runtime._errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MCPServer:
    """A server of the Model Context Protocol, whose tools generated code may call.

    It is a command that is run as long as the `RLM` is open, or the URL of one that runs already
    (streamable HTTP).

    Raises:
        ConfigError: It is neither, or both.
    """

    command: str | None = None
    """The program to run; it speaks over its stdin and stdout."""
    args: Sequence[str] = ()
    """Its arguments."""
    env: Mapping[str, str] | None = field(default=None, repr=False)
    """Its environment, beside `HOME`, `PATH` and the like; nothing else of the host's is in it."""
    url: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    """Are sent with each request to `url`, a key for instance."""
    name: str | None = None
    """Comes before the names of its tools: `github` makes `search` `github_search`."""

    def __post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            raise ConfigError(
                "Cannot use an MCP server: give its command or its url, one of the two"
            )
        if self.url is not None and urlsplit(self.url).scheme not in ("http", "https"):
            raise ConfigError(f"Cannot use MCP server {self.label!r}: its url is not http or https")
        if self.url is not None and (self.args or self.env):
            raise ConfigError(f"Cannot use MCP server {self.label!r}: args and env need a command")
        if self.command is not None and self.headers:
            raise ConfigError(f"Cannot use MCP server {self.label!r}: headers need a url")
        if self.name is not None and not (self.name.isidentifier() and self.name.isascii()):
            raise ConfigError(f"Cannot name an MCP server {self.name!r}: it is not an identifier")

    @property
    def label(self) -> str:
        """What messages call it; a URL may hold a secret, so its host stands for it."""
        if self.name is not None:
            return self.name
        return Path(self.command).name if self.command else urlsplit(self.url or "").hostname or "?"
