from __future__ import annotations

import pytest

from rlm_runtime._tui.keymap import check_keys
from rlm_runtime._tui.keys import Remappable
from tests.hostile_text import ALL, OBEYED

KNOWN = (
    Remappable("follow", "f", "Follow", "", False),
    Remappable("quit", "q", "Quit", "", False),
    Remappable("tree.up", "up", "Up", "Tree", False),
    Remappable("text.up", "up", "Up", "Text", False),
    Remappable("help.close", "escape,q", "Close", "Help", True),
)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"follow": "F"},
        {"follow": "f,F5,ctrl+f"},
        {"tree.up": "k", "text.up": "k"},
        {"follow": "q", "quit": "f"},
        {"follow": "q", "quit": "x"},
        {"help.close": "f"},
    ],
)
def test_what_takes_no_key_from_anything_holds(wanted: dict[str, str]) -> None:
    held, problems = check_keys({k: v.replace("F5", "f5") for k, v in wanted.items()}, KNOWN)
    assert (set(held), problems) == (set(wanted), [])


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"follow": "q"}, "follow: 'q' is a key of quit already"),
        ({"tree.up": "q"}, "tree.up: 'q' is a key of quit already"),
        ({"quit": "up"}, "quit: 'up' is a key of tree.up already"),
        ({"follow": "tab"}, "follow: 'tab' is a key of the next pane already"),
        ({"follow": "no such"}, "follow: 'no such' is no key"),
        ({"follow": ""}, "follow: '' is no key"),
        ({"follow": ",,"}, "follow: ',,' is no key"),
        ({"fly": "x"}, "There is nothing called 'fly' that a key could do"),
    ],
)
def test_what_does_not_hold_is_told(wanted: dict[str, str], problem: str) -> None:
    assert check_keys(wanted, KNOWN) == ({}, [problem])


def test_a_wish_that_does_not_hold_gives_its_own_keys_back() -> None:
    held, problems = check_keys({"follow": "q", "quit": "no such"}, KNOWN)
    assert (held, len(problems)) == ({}, 2)
    held, problems = check_keys({"follow": "q", "quit": "up", "tree.up": "tab"}, KNOWN)
    assert (held, len(problems)) == ({}, 3)


def test_hostile_names_are_shown_safely() -> None:
    _, problems = check_keys({ALL: "x", "follow": ALL}, KNOWN)
    assert len(problems) == 2 and not any(OBEYED.search(one) for one in problems)
