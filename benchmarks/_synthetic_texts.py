"""What the models, the code and the sandboxes of a made-up run say."""

from __future__ import annotations

import random

from rlm_runtime._paths import data_dir

_WORDS = (
    "river flood dam village bridge harvest winter letter mill harbour captain ledger widow"
    " chapter council storm bell granary ferry road orchard lantern promise"
).split()

ANSWER = repr({f"chapter {n}": ["the flood", "the broken dam"] for n in range(3, 40, 7)})

TRACEBACK = """Traceback (most recent call last):
  File "<repl>", line 4, in <module>
    hits = [c for c in chapters if c["text"].index("flood")]
            ^^^^^^^^^^^^^^^^^^^^^^^
KeyError: 'text'
"""

_LOOK = """# What is in the context?
print(type(context), len(context))
chapters = context.split("\\n\\n")
for number, chapter in enumerate(chapters[:{n}], start=1):
    print(f"{{number:>3}} {{len(chapter):,}} {{chapter[:60]!r}}")
"""

_FAN_OUT = '''import asyncio

async def ask(number: int, text: str) -> dict[str, object]:
    """Ask one child about one chapter."""
    found = await llm_query(f"Chapter {{number}}: what is said of the {word}?", text)
    return {{"chapter": number, "found": found}}

hits = await asyncio.gather(*[ask(n, c) for n, c in enumerate(chapters)])
print(len(hits), "answers,", sum(bool(h["found"]) for h in hits), "of them with something")
'''

_END = """answer = {{f"chapter {{h['chapter']}}": h["found"] for h in hits if h["found"]}}
assert answer, "nothing found"  # {word}
FINAL(answer)
"""


def query(nodes: int) -> str:
    """Give the query of the run."""
    return (
        "Which chapters mention the flood, and what do they say caused it? Give a dict from"
        f" chapter to causes, in the order of the book. There are about {nodes} of them."
    )


def context(chance: random.Random) -> str:
    """Describe a context."""
    size = chance.randrange(2_000, 900_000)
    return f"a str of {size:,} characters in {size // 80:,} lines"


def words(chance: random.Random, number: int) -> str:
    """Give a sentence of so many words."""
    return " ".join(chance.choices(_WORDS, k=number)).capitalize() + "."


def prompt(chance: random.Random) -> str:
    """Give the prompt of a sub-call."""
    return f"what caused the {chance.choice(_WORDS)}? {words(chance, 8)} FINAL a list of causes."


def code(chance: random.Random, *, is_last: bool, fans_out: bool) -> str:
    """Give a code block."""
    form = _END if is_last else _FAN_OUT if fans_out else _LOOK
    return form.format(n=chance.randrange(3, 30), word=chance.choice(_WORDS))


def reply(chance: random.Random, block: str) -> str:
    """Give a model's reply that holds a code block."""
    return f"{words(chance, 14)} {words(chance, 9)}\n\n```repl\n{block}```\n"


def reasoning(chance: random.Random) -> str:
    """Give a model's reasoning, which most replies have none of."""
    return " ".join(words(chance, 12) for _ in range(3)) if chance.random() < 0.2 else ""


def output(chance: random.Random) -> str:
    """Give what a code block printed."""
    lines = range(1, chance.randrange(2, 14))
    return "".join(f"{n:>3} {chance.randrange(9000):,} {words(chance, 6)!r}\n" for n in lines)


def answer(chance: random.Random) -> str:
    """Give the answer of a child, a completion or a tool."""
    return repr({"causes": [words(chance, 5) for _ in range(chance.randrange(1, 4))]})


def messages(iteration: int, asked: str, said: str) -> tuple[dict[str, str], ...]:
    """Give what is new in the history of a node."""
    if iteration == 1:
        system = (data_dir("prompts") / "system.md").read_text("utf-8")
        return (
            {"role": "system", "content": system},
            {"role": "user", "content": f"Query: {asked}\n\nLook at `context` first."},
        )
    left = f"Iteration {iteration - 1} of 30. 880 calls and $20.50 are left."
    return (
        {"role": "assistant", "content": said},
        {"role": "user", "content": f"{left}\n\nstdout:\n{iteration * 7} lines\n"},
    )
