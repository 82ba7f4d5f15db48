from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.opening import settings_of_user
from rlm_runtime._tui.settings import ViewerSettings, read_viewer_settings
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write
from tests.hostile_text import OBEYED


def read(folder: Path, text: str | bytes) -> ViewerSettings:
    path = folder / "viewer.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_viewer_settings(path)


def test_all_settings_are_read(tmp_path: Path) -> None:
    text = """
        theme = "rlm-light"
        heat = "cost"
        speed = 4
        track = false
        wrap = false
        [keys]
        follow = "F"
    """
    assert read(tmp_path, text) == ViewerSettings(
        theme="rlm-light", heat="cost", speed=4, track=False, wrap=False, keys={"follow": "F"}
    )


def test_no_file_sets_nothing(tmp_path: Path) -> None:
    assert read_viewer_settings(tmp_path / "none") == ViewerSettings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour = 1", "There is no setting 'colour'"),
        ("speed = 3", "speed must be 0.5, 1, 2, 4, 8, 16, 32, 64"),
        ("speed = true", "speed must be 0.5"),
        ("speed = nan", "speed must be 0.5"),
        ("heat = 'hot'", "heat must be 'off', 'cost' or 'time'"),
        ("heat = ['hot']", "heat must be 'off', 'cost' or 'time'"),
        ("theme = 1", "theme must be the name of a theme"),
        ("wrap = 'no'", "wrap must be true or false"),
        ("keys = 1", "keys must be a table"),
        ("[keys]\nfollow = 1", "'follow': keys are a text"),
        ("'\\u001b]0;x' = 1", "There is no setting"),
    ],
)
def test_what_makes_no_sense_is_told_and_the_rest_holds(
    tmp_path: Path, text: str, problem: str
) -> None:
    settings = read(tmp_path, f"track = false\n{text}")
    assert settings.track is False and len(settings.problems) == 1
    assert settings.problems[0].startswith(problem)
    assert not OBEYED.search(settings.problems[0])


@pytest.mark.parametrize(
    "text", ["theme =", b"\xff", "\x00", f"a = {'[' * 20_000}", "#" * 200_000], ids=range(5)
)
def test_a_broken_file_sets_nothing_and_is_told(tmp_path: Path, text: str | bytes) -> None:
    settings = read(tmp_path, text)
    assert settings == ViewerSettings(problems=settings.problems)
    assert settings.problems[0].startswith("Cannot use /")


@pytest.mark.anyio
async def test_the_viewer_takes_its_settings(tmp_path: Path) -> None:
    settings = read(tmp_path, 'theme = "nord"\nheat = "time"\n[keys]\nfollow = "x1,F"\nhelp = "f1"')
    path = await write(tmp_path, *synthetic_events(1))
    async with open_viewer(path, settings=settings) as pilot:
        viewer = viewer_of(pilot)
        assert (viewer.theme, viewer.view.heat) == ("nord", "time")
        await settle(pilot)
        assert "'x1' is no key" in screen_text(pilot)
        await pilot.press("home", "f")
        await settle(pilot)
        assert viewer.following, "what does not hold leaves its keys as they were"
        await pilot.press("question_mark")
        assert len(viewer.screen_stack) == 1
        assert "f1 Help" in screen_text(pilot)
        await pilot.press("f1")
        assert len(viewer.screen_stack) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("wrap", [True, False])
async def test_long_lines_are_wrapped_or_not(tmp_path: Path, wrap: bool) -> None:
    path = await write(tmp_path, *synthetic_events(1))
    async with open_viewer(path, settings=ViewerSettings(wrap=wrap)) as pilot:
        await settle(pilot)
        assert viewer_of(pilot).query_one(Details).toggle_wrap() is not wrap


@pytest.mark.anyio
async def test_a_theme_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = await write(tmp_path, *synthetic_events(1))
    async with open_viewer(path, settings=read(tmp_path, 'theme = "[/b]\\u001b"')) as pilot:
        await settle(pilot)
        assert viewer_of(pilot).theme == "rlm-dark"
        assert r"There is no theme '[/b]" in screen_text(pilot)


def test_a_variable_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(tmp_path, "speed = 8")
    monkeypatch.setenv("RLM_VIEWER_SETTINGS", str(tmp_path / "viewer.toml"))
    assert settings_of_user().speed == 8
    monkeypatch.delenv("RLM_VIEWER_SETTINGS")
    (tmp_path / "rlm-pyodide").mkdir()
    (tmp_path / "rlm-pyodide" / "viewer.toml").write_text("speed = 16")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_of_user().speed == 16


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert "it is no file" in read_viewer_settings(path).problems[0]
    assert read_viewer_settings(tmp_path / "none") == ViewerSettings()
