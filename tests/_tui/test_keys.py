from __future__ import annotations

import pytest

from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.keys import bindings_of, is_key
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.node_tree import NodeTree


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


def test_the_default_keys_are_keys_and_each_has_one_meaning() -> None:
    seen: dict[str, str] = {}
    for binding in bindings_of(Viewer, NodeTree, Lanes, Details):
        for key in binding.key.split(","):
            assert is_key(key), binding
        assert binding.description, binding
        seen[binding.id or ""] = binding.key
    assert len(seen) >= 12
