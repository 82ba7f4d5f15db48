"""What is said in the run that is shown: a book, a question about it, and the code of its nodes."""

from __future__ import annotations

QUERY = "Which chapters mention the flood, and what do they say caused it?"

CAUSES = {
    2: "three weeks of rain on frozen ground",
    5: "the sluice that nobody opened",
    6: "the sluice, and the mayor who kept its key",
    9: "the dam of Harrow Mill, which broke at night",
    11: "the dam; the council calls it an act of God",
}

TITLES = (
    "The letter",
    "Rain",
    "A bridge is sold",
    "The widow Marsh",
    "Sluice gate",
    "The mayor's key",
    "Winter wheat",
    "The ledger",
    "Harrow Mill",
    "The inquest",
    "An act of God",
    "Home",
)

LOOK = """chapters = context.split("\\n\\n# ")
print(type(context), f"{len(context):,} characters, {len(chapters)} chapters")
for number, chapter in enumerate(chapters, start=1):
    title, _, text = chapter.partition("\\n")
    print(f"{number:>3}  {len(text):>7,}  {title}  {text.count('flood')} x flood")"""

ASK = '''import asyncio

async def ask(number: int, chapter: str) -> dict:
    """Let one child read one chapter."""
    found = await llm_query(
        f"Chapter {number}: does it mention the flood? What does it say caused it?",
        context=chapter,
    )
    return {"chapter": number, **found}

found = await asyncio.gather(*[ask(n, c) for n, c in enumerate(chapters, 1) if n in near])
print([one["chapter"] for one in found if one["mentions"]])'''

NEAR = """import re

# Words of water, as the flood is not always called one
near = [n for n, c in enumerate(chapters, 1) if re.search(r"flood|water|dam|sluice", c)]
print(near, "of", len(chapters))"""

END = """answer = {one["chapter"]: one["cause"] for one in found if one["mentions"]}
FINAL(answer)"""

SPLIT = """passages = [p for p in context.split("\\n\\n") if len(p) > 80]
print(len(passages), "passages")
hints = await asyncio.gather(*[
    llm_query(f"Does this passage tell of a flood? {p}") for p in passages
])
told = [p for p, hint in zip(passages, hints) if hint.startswith("yes")]
print(len(told), "of them tell of it")"""

CAUSE = """cause = await llm_query("What caused the flood? One line.", context="\\n".join(told))
FINAL({"mentions": bool(told), "cause": cause})"""

BROKEN = """hits = [p["text"] for p in passages if "flood" in p]
print(hits[0])"""

TRACEBACK = """Traceback (most recent call last):
  File "<block 1>", line 1, in <module>
    hits = [p["text"] for p in passages if "flood" in p]
            ~^^^^^^^^
TypeError: string indices must be integers, not 'str'"""

LINES = (
    "The water came over the lower meadow before anyone had thought to ring the bell.",
    "He wrote in the ledger what the mill owed, and what it would never pay.",
    "Nobody at the inquest asked who had kept the key of the sluice that night.",
    "Three weeks of rain had fallen on ground as hard as iron.",
    "She sold the bridge for less than the stones were worth.",
    "The dam of Harrow Mill gave way at two in the morning, and took the orchard with it.",
)


def book() -> str:
    """Write the book: twelve short chapters."""
    chapters = []
    for number, title in enumerate(TITLES, start=1):
        lines = [LINES[(number * 5 + line * 7) % len(LINES)] for line in range(14)]
        chapters.append(f"{title}\n" + "\n\n".join(lines))
    return "\n\n# ".join(chapters)


def looked() -> str:
    """Write what looking at the book prints."""
    lines = [f"<class 'str'> {len(book()):,} characters, {len(TITLES)} chapters"]
    for number, title in enumerate(TITLES, start=1):
        floods = 3 if number in CAUSES else 0
        lines.append(f"{number:>3}  {1_100 + 37 * number:>7,}  {title}  {floods} x flood")
    return "\n".join(lines) + "\n"


def reply(thought: str, code: str) -> str:
    """Write a reply of a model that wants code to be run."""
    return f"{thought}\n\n```repl\n{code}\n```"
