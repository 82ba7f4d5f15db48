"""A tree of three depths whose answer hangs on every part of it, played by a policy.

Replies are named by what is asked: `node r.a 1` is the second reply of node `r.a`, `leaf r.a twin`
that of a completion. Each names itself, so that a trace tells which of them it holds. What code
prints between `@@` goes into a digest that the next reply puts into the code, and from there into
the answer: a history that is not what it was gives another answer.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from string import Template

from rlm_runtime.testing import Message

QUERY = "node r"
CONTEXT = "".join(f"{n} is a line of the context, one of many.\n" for n in range(2_000))
SCHEMA = {
    "type": "object",
    "properties": {"digest": {"type": "string"}, "agree": {"type": "boolean"}},
    "required": ["digest", "agree"],
}
TOOLS = '''"""The tool of the tree: it keeps a list of its calls."""
import hashlib
import os
from pathlib import Path


def stamp(text: str) -> str:
    """Give a digest of a text."""
    with Path(os.environ["CRASH_STAMPS"]).open("a") as file:
        file.write(f"{os.environ['CRASH_SESSION']} {text}\\n")
    return hashlib.sha256(text.encode()).hexdigest()[:12]
'''

STAMPS = ("first", "second", "third")
"""What the tool is called with."""

_HEAD = """
import asyncio, hashlib, random
from typing import Literal
def mark(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
drawn = random.getrandbits(64)
kept = llm_query("leaf $name kept", context[:20], recursive=False)
said = ["$seen"]
"""
_ROOT = (
    _HEAD
    + """
halves = [context[:40_000], context[40_000:]]
parts = await asyncio.gather(
    *[llm_query(f"node $name.{n}", half) for n, half in zip("ab", halves)])
print("drawn:", drawn, "left:", limits())
print("@@", *parts, {f"of a set {n}" for n in range(9)}, "@@")
""",
    """
assert drawn == $drawn
said += ["$seen", await stamp("first")]
said += await asyncio.gather(stamp("second"), stamp("third"))
print("@@", *said[2:], "@@")
""",
    """
said.append("$seen")
print("@@ not what is asked for @@")
FINAL(["not what is asked for"])
""",
    """
FINAL({"digest": mark(said, parts, await kept), "agree": drawn == $drawn})
""",
)
_CHILD = (
    _HEAD
    + """
parts = await llm_query_batched(
    [f"node $name.{n}" for n in (1, 2)], [context[::2], context[1::2]], schema=str)
print("drawn:", drawn)
print("@@", *parts, "@@")
""",
    """
said.append("$seen")
twins = await asyncio.gather(
    *[llm_query("leaf $name twin", recursive=False) for _ in range(2)])
try:
    await asyncio.wait_for(llm_query("leaf $name late", recursive=False), 0.05)
except TimeoutError:
    print("@@", *twins, "and one was late @@")
""",
    """
said.append("$seen")
FINAL({"node": "$name", "mark": mark(said, parts, twins, await kept, drawn == $drawn)})
""",
)
_GRANDCHILD = (
    _HEAD
    + """
print("drawn:", drawn)
print("@@", len(context), mark(context), "@@")
""",
    """
said.append("$seen")
calls = [llm_query(f"leaf $name of {n}", {"n": n}) for n in range(3)]
parts = [await call for call in asyncio.as_completed(calls)]
print("first:", parts[0])
print("@@", *sorted(parts), "@@")
""",
    """
said.append("$seen")
FINAL(mark(said, sorted(parts), await kept, drawn == $drawn))
""",
)
_SCRIPTS = {1: _ROOT, 2: _CHILD, 3: _GRANDCHILD}
# This one loses its sandbox first
_CRASHES = "r.b.2"
_CRASH = "\nprint('@@ crashing @@')\nimport os\nos._exit(3)\n"
# The reply of their node whose code makes these sub-calls; all others are made by the first
_MADE_BY_SECOND = ("twin", "late", "of")

_QUERY = re.compile(r"# Query\n\n(.*?)\n\n# Context\n", re.DOTALL)
_SEEN = re.compile(r"@@ .*? @@", re.DOTALL)
_DRAWN = re.compile(r"^drawn: (\d+)", re.MULTILINE)
_NAMED = re.compile(r"\[reply (.*?)\]")


def name_of(messages: Sequence[Message]) -> str:
    """Name the reply that is asked for."""
    found = _QUERY.match(messages[1].content)
    if found is None:
        return messages[1].content.partition("\n")[0]
    return f"{found[1]} {sum(message.role == 'assistant' for message in messages)}"


def reply_to(messages: Sequence[Message]) -> str:
    """Give the reply, which depends on all that the request holds and the code has printed."""
    name = name_of(messages)
    told = [message.content for message in messages if message.role == "user"]
    seen = _digest(name, *(one for text in told[1:] for one in _SEEN.findall(text)))
    kind, node, *rest = name.split()
    if kind == "leaf":
        return f"[reply {name}] {_digest(*told)}"
    drawn = [number for text in told for number in _DRAWN.findall(text)]
    code = _scripts(node)[int(rest[0])]
    filled = Template(code).substitute(name=node, seen=seen, drawn=drawn[0] if drawn else "0")
    return f"```repl\n# [reply {name}]{filled}```"


def named_in(texts: Iterable[str]) -> Counter[str]:
    """Count the replies that these texts are."""
    return Counter(found[1] for text in texts if (found := _NAMED.search(text)))


def is_given_up(name: str) -> bool:
    """Tell whether the code gives this one up, so that nothing is answered."""
    return name.endswith(" late")


def depth_below(query: str) -> int:
    """Tell how deep the tree below a node is, its completions included."""
    return len(_SCRIPTS) - query.count(".")


def rests_on(name: str) -> str | None:
    """Name the reply whose code, or whose observation, led to this request."""
    kind, node, *rest = name.split()
    first = 1 if node == _CRASHES else 0
    if kind == "leaf":
        return f"node {node} {first + (rest[0] in _MADE_BY_SECOND)}"
    if int(rest[0]) > 0:
        return f"node {node} {int(rest[0]) - 1}"
    parent, _, _ = node.rpartition(".")
    return f"node {parent} 0" if parent else None


def _scripts(node: str) -> Sequence[str]:
    scripts = _SCRIPTS[len(node.split("."))]
    return (_CRASH, *scripts) if node == _CRASHES else scripts


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
