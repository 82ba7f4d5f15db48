from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from rlm_runtime._tui.saving import PageWriter, file_name, save, self_contained
from tests._cli.events import SMALL_RUN
from tests.hostile_text import HOSTILE
from tests.traces import write_trace


@pytest.mark.parametrize("run", [*HOSTILE.values(), "../../etc/passwd", "/", "..", "", "a/b", "-"])
def test_a_run_cannot_lead_a_file_elsewhere(run: str, tmp_path: Path) -> None:
    name = file_name(run, 1, ".svg")
    assert name.isascii() and (tmp_path / name).parent == tmp_path
    assert save(tmp_path, run, ".svg", lambda out: out.write(b"x")).parent == tmp_path


def test_a_long_name_is_cut() -> None:
    assert len(file_name("r" * 10_000_000, 1, ".svg")) < 100


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "rlm-r-1.svg").write_text("mine")
    (tmp_path / "rlm-r-2.svg").symlink_to(tmp_path / "elsewhere")
    assert save(tmp_path, "r", ".svg", lambda out: out.write(b"x")).name == "rlm-r-3.svg"
    assert (tmp_path / "rlm-r-1.svg").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    def write(out: object) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        save(tmp_path, "r", ".svg", write)
    assert list(tmp_path.iterdir()) == []


def test_fonts_from_the_network_are_left_out() -> None:
    face = '<!-- https://x --><style>@font-face { src: url("https://x/y.woff"); }\n'
    svg = f"{face}.a {{ font-family: z }}</style>"
    assert self_contained(svg) == "<style>.a { font-family: z }</style>"


def test_a_page_that_is_given_up_ends_early(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r1", *SMALL_RUN)
    writer = PageWriter(path)
    writer.stop()
    with pytest.raises(InterruptedError):
        writer.write(BytesIO())
