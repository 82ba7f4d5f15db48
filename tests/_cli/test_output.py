"""Output is complete or not there, and ends quietly when nobody reads."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlm_runtime._cli.output import OutputError, check_writable, with_final_newline, write_file


def test_file_holds_exactly_the_chunks(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    before = os.umask(0o027)
    try:
        write_file(path, [b"a", b"", b"b"])
    finally:
        os.umask(before)
    assert path.read_bytes() == b"ab"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["answer.txt"]


def test_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="Cannot write to '.*answer.txt': no space left"):
        write_file(path, chunks())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["answer.txt"]


def test_mode_and_link_of_the_old_file_are_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o604)
    link.symlink_to("real")
    write_file(link, [b"new"])
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o604


def test_device_and_pipe_are_written_to_not_replaced(tmp_path: Path) -> None:
    check_writable(Path("/dev/null"))
    write_file(Path("/dev/null"), [b"x"])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, [b"through"])
    reader.join()
    assert read == [b"through"]


def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    check_writable(tmp_path / "old")
    check_writable(tmp_path / "new")
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none/file", "no such file or directory"),
        (".", "is a directory"),
        ("f/x", "not a directory"),
    ],
)
def test_check_finds_a_place_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(OutputError, match=reason):
        check_writable(tmp_path / name)


def test_final_newline_is_added_only_where_it_is_missing() -> None:
    assert list(with_final_newline([b"a"])) == [b"a", b"\n"]
    assert list(with_final_newline([b"a\n", b""])) == [b"a\n", b""]
    assert list(with_final_newline([])) == [b"\n"]


WRITE_MUCH = (
    "from rlm_runtime._cli.output import write_stdout\n"
    "write_stdout(b'line\\n' * 1000 for _ in range(1000))\n"
)


def test_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_MUCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_closed_stdout_is_an_error_that_says_what_to_do() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-c", WRITE_MUCH],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 1
    assert b"Cannot write to stdout: it is closed; -o FILE writes to a file" in done.stderr


def test_full_stdout_is_an_error_that_says_so() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", WRITE_MUCH], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.endswith(b"Cannot write to stdout: no space left on device\n")


def test_terminal_is_shown_control_characters_to_read() -> None:
    primary, secondary = os.openpty()
    program = (
        "from rlm_runtime._cli.output import write_stdout\n"
        "write_stdout([b'\\x1b[31mred\\x1b]0;t\\x07 \\xed\\xa0\\x80\\n'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=secondary, check=False)
    os.close(secondary)
    shown = os.read(primary, 1000)
    os.close(primary)
    assert done.returncode == 0
    assert shown == b"\\x1b[31mred\\x1b]0;t\\x07 \\ud800\r\n"
