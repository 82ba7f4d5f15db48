"""Runs that are killed and resumed: no reply is paid for twice, and the answer is the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks._crash.tree import QUERY
from benchmarks._crash.trial import Trial, Undisturbed, run_trial
from benchmarks._crash.victim import Kill

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.deno,
    pytest.mark.usefixtures("assets"),
    # Up to five processes with three sandboxes each, one after the other
    pytest.mark.timeout(240),
]

# A node of the tree with two children, one of which loses its sandbox
SMALL = "node r.b"


@pytest.fixture(scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Let the small tree be."""
    return await undisturbed(tmp_path_factory.mktemp("undisturbed"), SMALL)


async def undisturbed(folder: Path, query: str) -> Undisturbed:
    trial = await run_trial(folder, query=query, rng=random.Random(0))
    assert trial.problems == []
    return Undisturbed(answer=trial.answer, names=trial.names, seconds=trial.seconds)


def assert_sound(trial: Trial, given: Undisturbed) -> None:
    assert trial.problems == []
    assert trial.answer == given.answer
    assert (trial.asked_again, trial.stamped_again, trial.unfounded) == (0, 0, 0)
    assert (trial.diverged, trial.given_up_again) == (0, 0)
    # What nobody has asked for again is what was answered
    assert trial.names | given.names == trial.names


KILLS: dict[str, Sequence[Kill]] = {
    "after its first reply": [Kill(answers=1)],
    "with a request that rests on a reply, the host only": [Kill(requests=9, host_only=True)],
    "after its last reply": [Kill(answers=21, seconds=0.02)],
    "again and again": [Kill(answers=4), Kill(answers=3), Kill(seconds=0.5), Kill(answers=5)],
}


@pytest.mark.parametrize("kills", KILLS.values(), ids=KILLS.keys())
async def test_a_killed_run_is_resumed_to_the_same_answer(
    tmp_path: Path, small: Undisturbed, kills: Sequence[Kill]
) -> None:
    trial = await run_trial(
        tmp_path, query=SMALL, undisturbed=small, kills=kills, rng=random.Random(1)
    )
    assert len(trial.struck) == len(kills)
    assert_sound(trial, small)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_tree_of_three_depths_survives_many_kills(tmp_path: Path) -> None:
    (tmp_path / "let_be").mkdir()
    given = await undisturbed(tmp_path / "let_be", QUERY)
    for number in range(6):
        rng = random.Random(number)
        kills = [Kill(answers=rng.randint(1, 24), seconds=rng.random() / 20) for _ in range(2)]
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_sound(await run_trial(folder, undisturbed=given, kills=kills, rng=rng), given)
