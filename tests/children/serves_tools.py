"""An MCP server: over stdio, or over streamable HTTP on the port that is given.

What it does beside serving is asked for by the words after that: it dies, hangs, or talks.
"""

import os
import signal
import sys
import time

import anyio
from mcp.server.mcpserver import Image, MCPServer
from pydantic import BaseModel

server = MCPServer("tests")


class Book(BaseModel):
    title: str
    year: int


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    Both are whole.
    """
    return a + b


@server.tool(name="find-book")
def find_book(title: str) -> Book:
    """Find a book by its title."""
    if title == "missing":
        raise ValueError(f"no book is called {title!r}")
    return Book(title=title, year=1851)


@server.tool(structured_output=False)
def picture() -> Image:
    """Give a picture."""
    return Image(data=b"\x89PNG\x00", format="png")


@server.tool(structured_output=False)
def words(text: str) -> str:
    """Give some words back."""
    return text


@server.tool()
async def wait(seconds: float) -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return "waited"


@server.tool()
def variables() -> list[str]:
    """Name the variables of the environment."""
    return sorted(os.environ)


@server.tool()
def die() -> str:
    """End the server at once."""
    os._exit(3)


if __name__ == "__main__":
    port, *asked = [*sys.argv[1:], "0"] if len(sys.argv) < 2 else sys.argv[1:]
    if "talks" in asked:
        sys.stderr.write("a line that no terminal should show\n" + "x" * 500_000)
    if "stubborn" in asked:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "fails" in asked:
        noise = "n " * 400 if "noisy" in asked else ""
        sys.exit(f"{noise}cannot find its settings for {os.environ.get('TOKEN')}")
    if "hangs" in asked:
        time.sleep(600)
    if port == "0":
        server.run()
    else:
        server.run("streamable-http", port=int(port))
    if "stubborn" in asked:
        time.sleep(600)
