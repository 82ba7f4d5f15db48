from __future__ import annotations

import pytest

import rlm_runtime._tui.app  # noqa: F401 - so that all panes are there
from rlm_runtime._tui.keymap import split_keys
from rlm_runtime._tui.keys import is_key, remappable


@pytest.mark.parametrize(
    "name", ["x", "G", "?", "f5", "space", "ctrl+left", "shift+up", "full_stop", "comma", "é", "="]
)
def test_names_of_keys(name: str) -> None:
    assert is_key(name)


@pytest.mark.parametrize(
    "name", ["", " ", "xx", "ctrl+", "hold+x", "ctrl+ctrl+x", "\x1b", "no such key", "x y"]
)
def test_names_of_nothing(name: str) -> None:
    assert not is_key(name)


def test_the_default_keys_are_keys_and_each_is_told() -> None:
    for one in remappable():
        assert all(is_key(key) for key in split_keys(one.keys)), one
        assert one.description, one
    assert {"help", "follow", "tree.fold"} <= {one.id for one in remappable()}


def test_no_key_means_two_things_everywhere() -> None:
    keys = [key for one in remappable() if not one.scope for key in split_keys(one.keys)]
    assert sorted(keys) == sorted(set(keys))
