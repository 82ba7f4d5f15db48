"""The worked examples of the system prompts, run as a model that copies them would."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime import RLM, Limits, Message
from rlm_runtime._parsing import parse_reply
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

QUERY = "Try the examples"
NOVEL = """A novel.

CHAPTER 1

Ann went from Rome to Bern.

That night the flood came, and Ben went from Bern to Cork.

CHAPTER 2

Nothing happened.

CHAPTER 3

Cleo went from Cork to Rome, high water or not.
"""
_JOURNEY = r"(\w+) went from (\w+) to (\w+)"
_CHILD = f"""import re
FINAL([dict(zip(("who", "origin", "destination"), j)) for j in re.findall(r"{_JOURNEY}", context)])
"""
_JOURNEYS = """
assert [tuple(j.values()) for j in journeys] == [
    (1, "Ann", "Rome", "Bern"), (1, "Ben", "Bern", "Cork"), (3, "Cleo", "Cork", "Rome")
], journeys
"""
_FILTER = "assert [context[at:at + 4] for at in hits] == ['floo', 'high'], hits"
_SLICE = """
assert quotes == {"flood": "That night the flood came, and Ben went from Bern to Cork."}, quotes
"""
_COMPOSE = 'titles, sections = ["A", "B"], {"A": "a", "B": "b", "C": "c"}'
_REVIEWS = 'reviews = [{"text": "fine"}, {"text": "bad\\nline"}, {"text": "so-so"}] * 40'
_WORDS = """
assert [word for part in words for word in part] == ["positive", "negative", "mixed"] * 40, words
assert [len(part) for part in parts] == [50, 50, 20]
"""
_DOUBT = """
journeys.append({"chapter": 2, "who": "Dan", "origin": "Rome", "destination": "Bern"})
"""
_VERIFIED = "assert [j['who'] for j in doubtful] == ['Dan'], doubtful"

# What is written before and after each example, in the order of the prompt
PLAYS: dict[int, list[tuple[str, str]]] = {
    2: [
        ("", _FILTER),
        ("", _SLICE),
        (_COMPOSE, ""),
        ("", _JOURNEYS),
        (_REVIEWS, _WORDS),
        (_DOUBT, _VERIFIED),
    ],
    1: [
        ("", _FILTER),
        ("", _SLICE),
        (_COMPOSE, ""),
        ("", _JOURNEYS),
        (_REVIEWS, _WORDS),
        (_DOUBT, _VERIFIED),
    ],
    0: [("", _FILTER), ("", _SLICE), (_COMPOSE, "")],
}
_ENDS = 2
"""Which of them ends the work, so that it has to come last."""


class SubModel:
    """Answers sub-calls of the examples; the first plain answer of each kind is an odd one."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, messages: Sequence[Message]) -> str:
        prompt = asked(messages)
        if prompt.startswith("context is one chapter"):
            return repl(_CHILD)
        task, _, text = prompt.partition("\n\n")
        kind = task[:30]
        if kind not in self._seen:
            self._seen.add(kind)
            return "I would love to help!"
        if task.startswith("Does"):
            who, origin, destination = re.findall(r"(\w+) goes from (\w+) to (\w+)", task)[0]
            return json.dumps(f"{who} went from {origin} to {destination}" in text)
        if "chapter" in task:
            names = ("who", "origin", "destination")
            found = [dict(zip(names, j, strict=True)) for j in re.findall(_JOURNEY, text)]
            return f"Here:\n{json.dumps(found)}"
        words = {"fine": "positive", "so-so": "mixed"}
        reviews, _ = json.JSONDecoder().raw_decode(text)
        return json.dumps([words.get(review["text"], "negative") for review in reviews])


@pytest.mark.parametrize("max_depth", PLAYS)
async def test_every_example_does_what_it_says(max_depth: int) -> None:
    observations: list[str] = []
    sub_model = SubModel()

    def policy(messages: Sequence[Message]) -> str:
        if asked(messages) != QUERY:
            return sub_model(messages)
        examples = parse_reply(messages[0].content).blocks
        plays = list(zip(examples, PLAYS[max_depth], strict=True))
        plays.append(plays.pop(_ENDS))
        observations.extend(one.content for one in messages[-1:] if len(messages) > 2)
        assert len(observations) < len(plays), "The last example did not end the work"
        example, (before, after) = plays[len(observations)]
        return repl(f"{before}\n{example}\n{after}")

    limits = Limits(max_depth=max_depth)
    with anyio.fail_after(30):
        async with RLM(ScriptedLLM(policy), limits=limits, trace_dir=None) as rlm:
            result = await rlm.run(QUERY, context=NOVEL)
    assert not [one for one in observations if "error:" in one]
    assert result.answer == "## A\n\na\n\n## B\n\nb"
