"""VIEWER.md tells what the viewer does; `RLM_RENEW_LOOKS=1` writes its list of keys anew."""

from __future__ import annotations

import os
import re
import tomllib

import rlm_runtime._tui.app  # noqa: F401 - so that all panes are there
from rlm_runtime._paths import package_file
from rlm_runtime._tui.finding.needle import PATTERN
from rlm_runtime._tui.finding.query import NUMBERS, WORDS
from rlm_runtime._tui.keymap import check_keys
from rlm_runtime._tui.keys import Remappable, remappable
from rlm_runtime._tui.lane_cells import GLYPHS
from rlm_runtime._tui.settings import ViewerSettings

PATH = package_file("_tui/VIEWER.md")
_LIST = re.compile(r"(?<=<!-- keys -->\n).*?(?=<!-- end of keys -->)", re.S)
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


def line(one: Remappable) -> str:
    keys = " ".join(f"`{key}`" for key in one.keys.split(","))
    where = _WORDS.sub(" ", one.scope).lower()
    return f"| {one.id} | {keys} | {one.description}{f' ({where})' if where else ''} |\n"


def test_the_keys_are_listed() -> None:
    keys = sorted(remappable(), key=lambda one: (one.scope, one.id))
    listed = "| | keys | |\n|---|---|---|\n" + "".join(line(one) for one in keys)
    text = PATH.read_text("utf-8")
    if os.environ.get("RLM_RENEW_LOOKS"):
        text = _LIST.sub(lambda _: listed, text)
        PATH.write_text(text, "utf-8")
    found = _LIST.search(text)
    assert found is not None and found[0] == listed


def test_the_settings_that_are_shown_hold() -> None:
    found = re.search(r"```toml\n(.*?)```", PATH.read_text("utf-8"), re.S)
    assert found is not None
    assert set(tomllib.loads(found[1])) == set(ViewerSettings.__dataclass_fields__) - {"problems"}


def test_the_keys_that_are_shown_can_be_taken() -> None:
    found = re.search(r"```toml\n(.*?)```", PATH.read_text("utf-8"), re.S)
    assert found is not None
    wanted = tomllib.loads(found[1])["keys"]
    held, problems = check_keys(wanted, remappable())
    assert (set(held), problems) == (set(wanted), [])


def test_the_pictures_are_there_and_the_glyphs_told() -> None:
    text = PATH.read_text("utf-8")
    for name in re.findall(r"\]\(([^)]+\.svg)\)", text):
        assert (PATH.parent / name).is_file()
    assert all(f"`{glyph}`" in text for glyph in GLYPHS.values() if glyph.strip())


def test_all_that_a_filter_and_a_search_can_ask_for_is_told() -> None:
    text = PATH.read_text("utf-8")
    assert all(f"`{name}`" in text for name, _, _ in NUMBERS.values())
    assert all(f"`{name}:`" in text for name in WORDS)
    assert f"`{PATTERN}" in text
