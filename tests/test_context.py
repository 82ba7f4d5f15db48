"""What `load_context` and `load_task` make of real files."""

from __future__ import annotations

import io
import os
import socket
import threading
from pathlib import Path

import pytest

from rlm_runtime._context import Context, load_context, load_task
from rlm_runtime._errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def load(*args: str, stdin: bytes = b"") -> Context:
    return load_context(args, stdin=io.BytesIO(stdin))


def keys(*args: str, stdin: bytes = b"") -> list[str]:
    value = load(*args, stdin=stdin).value
    assert isinstance(value, dict)
    return list(value)


def reasons(context: Context) -> dict[str, str]:
    return {Path(skipped.path).name: skipped.reason for skipped in context.skipped}


def test_one_file_gives_its_exact_text(folder: Path) -> None:
    write(folder, {"a.txt": "\ufeffone\r\ntwo\rthree\n\x00"})
    assert load("a.txt").value == "\ufeffone\r\ntwo\rthree\n\x00"


def test_stdin_alone_gives_its_exact_text() -> None:
    assert load("-", stdin="ä\r\n".encode()).value == "ä\r\n"


def test_folder_gives_texts_by_relative_path_in_order(folder: Path) -> None:
    write(folder, {"d/b.txt": "b", "d/a/z.txt": "z", "d/a.txt": "a"})
    value = load("d").value
    assert isinstance(value, dict)
    assert list(value.items()) == [("a.txt", "a"), ("a/z.txt", "z"), ("b.txt", "b")]


def test_folder_with_one_file_is_still_a_dict(folder: Path) -> None:
    write(folder, {"d/a.txt": "a"})
    assert load("d/").value == {"a.txt": "a"}


def test_folder_leaves_out_what_is_hidden_or_generated(folder: Path) -> None:
    names = [".env", ".git/config", "__pycache__/a.pyc", "node_modules/m/i.js", "x/.hidden/f", "ok"]
    write(folder, dict.fromkeys(names, "text"))
    context = load(".")
    assert context == Context(value={"ok": "text"})


def test_hidden_folder_that_is_named_is_read(folder: Path) -> None:
    write(folder, {".github/ci.yml": "on: push"})
    assert load(".github").value == {"ci.yml": "on: push"}


def test_ignore_files_bind_their_folder_and_the_nearest_wins(folder: Path) -> None:
    write(
        folder,
        {
            ".gitignore": "*.log\n/build/\n!\n",
            "a.log": "",
            "build/out.txt": "",
            "sub/build/kept.txt": "",
            "sub/.gitignore": "!kept.log\n/only-here.txt\n",
            "sub/kept.log": "",
            "sub/other.log": "",
            "sub/only-here.txt": "",
            "only-here.txt": "",
        },
    )
    assert keys(".") == ["only-here.txt", "sub/build/kept.txt", "sub/kept.log"]


def test_file_that_is_not_utf8_is_named_and_left_out(folder: Path) -> None:
    write(folder, {"d/good.txt": "good", "d/bad.bin": b"ab\xff"})
    context = load("d")
    assert context.value == {"good.txt": "good"}
    assert reasons(context) == {"bad.bin": "it is not UTF-8 text (byte 2)"}


def test_links_and_special_files_are_never_followed_into_a_trap(folder: Path) -> None:
    write(folder, {"d/a.txt": "a", "outside.txt": "o"})
    (folder / "d/loop").symlink_to(folder / "d")
    (folder / "d/self").symlink_to("self")
    (folder / "d/gone").symlink_to("nowhere")
    (folder / "d/linked.txt").symlink_to(folder / "outside.txt")
    os.mkfifo(folder / "d/pipe")
    os.mkfifo(folder / "d/.gitignore")
    context = load("d")
    assert context.value == {"a.txt": "a", "linked.txt": "o"}
    assert reasons(context) == {
        "loop": "a link to a folder",
        "self": "a broken link",
        "gone": "a broken link",
        "pipe": "not a regular file",
    }


def test_glob_takes_what_the_shell_would(folder: Path) -> None:
    write(folder, {"s/a.py": "", "s/b.txt": "", "s/.c.py": "", "s/d.py/inner.txt": ""})
    assert keys("s/*.py") == ["a.py", "d.py/inner.txt"]


def test_recursive_glob_obeys_the_ignore_rules(folder: Path) -> None:
    write(
        folder,
        {
            "s/.gitignore": "gen/",
            "s/a.py": "",
            "s/b/c.py": "",
            "s/b/c.txt": "",
            "s/gen/d.py": "",
            "s/node_modules/e.py": "",
        },
    )
    assert keys("s/**/*.py") == ["a.py", "b/c.py"]
    assert keys("**/b/*") == ["s/b/c.py", "s/b/c.txt"]


def test_existing_file_is_no_pattern(folder: Path) -> None:
    write(folder, {"a[1].txt": "brackets", "a1.txt": "other"})
    assert load("a[1].txt").value == "brackets"


def test_several_folders_are_told_apart_by_their_names(folder: Path) -> None:
    write(folder, {"one/x.txt": "1", "two/x.txt": "2", "note.txt": "n"})
    value = load("two", "one", "note.txt").value
    assert value == {"note.txt": "n", "one/x.txt": "1", "two/x.txt": "2"}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("p/data", "q/data"), {"p/data/x": "1", "q/data/x": "2", "q/data/y": "3"}),
        (("p/data/x", "q/data/x"), {"p/data/x": "1", "q/data/x": "2"}),
        (("p/data/x", "q/data/y"), {"x": "1", "y": "3"}),
        (("q/*/x", "p/*/x"), {"q/data/x": "2", "p/data/x": "1"}),
        (("q/data", "q/data/y"), {"data/x": "2", "data/y": "3"}),
    ],
)
def test_no_file_is_lost_to_an_equal_name(
    folder: Path, args: tuple[str, ...], expected: dict[str, str]
) -> None:
    write(folder, {"p/data/x": "1", "q/data/x": "2", "q/data/y": "3"})
    assert load(*args).value == expected


def test_stdin_beside_files_has_a_key(folder: Path) -> None:
    write(folder, {"a.txt": "a", "-": "dash"})
    value = load("-", "a.txt", "./-", stdin=b"in").value
    assert value == {"-": "in", "a.txt": "a", f"{folder.name}/-": "dash"}


def test_pipe_that_is_named_is_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text("piped"))
    writer.start()
    assert load("pipe").value == "piped"
    writer.join()


def test_file_name_that_is_not_utf8_keeps_its_file(folder: Path) -> None:
    write(folder, {"d/ok.txt": "ok"})
    (folder / "d" / os.fsdecode(b"\xff.txt")).write_text("odd name")
    assert load("d").value == {"ok.txt": "ok", "\udcff.txt": "odd name"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["no.txt"], "Cannot read context 'no.txt': no such file"),
        (["ok.txt", "no.txt"], "Cannot read context 'no.txt': no such file"),
        (["*.none"], "Cannot read context '*.none': no file matches"),
        (["bad.bin"], "Cannot read context 'bad.bin': it is not UTF-8 text (byte 0)"),
        (["empty"], "Cannot read context 'empty': there is no readable file in it"),
        (["-", "-"], "Cannot read context '-': stdin is given twice"),
        (["/dev/null"], "Cannot read context '/dev/null': it is neither a file nor a folder"),
        (
            ["https://example.org/a?b"],
            "Cannot read context 'https://example.org/a?b': URLs are not supported yet",
        ),
    ],
)
def test_what_cannot_be_read_is_an_input_error(folder: Path, args: list[str], message: str) -> None:
    write(folder, {"ok.txt": "ok", "bad.bin": b"\xff", "empty/.hidden": "h"})
    with pytest.raises(InputError) as caught:
        load(*args)
    assert str(caught.value) == message


def test_folder_of_unreadable_files_says_why(folder: Path) -> None:
    write(folder, {"d/bad.bin": b"\xff"})
    with pytest.raises(InputError, match=r"no readable file in it, '.*bad\.bin' is skipped: it is"):
        load("d")


def test_socket_is_refused_by_name(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(InputError, match="'s': it is neither a file nor a folder"):
            load("s")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_missing_permission_is_an_input_error(folder: Path) -> None:
    write(folder, {"a.txt": "a"})
    (folder / "a.txt").chmod(0)
    with pytest.raises(InputError, match="Cannot read context 'a.txt': permission denied"):
        load("a.txt")


def test_task_comes_from_a_file_or_stdin(folder: Path) -> None:
    write(folder, {"task.txt": "How many?\r\n"})
    assert load_task("task.txt", stdin=io.BytesIO()) == "How many?\r\n"
    assert load_task("-", stdin=io.BytesIO(b"How many?")) == "How many?"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("blank.txt", "Cannot read task 'blank.txt': it is empty"),
        ("no.txt", "Cannot read task 'no.txt': no such file"),
        ("bad.txt", "Cannot read task 'bad.txt': it is not UTF-8 text (byte 1)"),
        (".", "Cannot read task '.': is a directory"),
        ("-", "Cannot read task '-': it is empty"),
    ],
)
def test_unusable_task_is_an_input_error(folder: Path, path: str, message: str) -> None:
    write(folder, {"blank.txt": " \n\t", "bad.txt": b"a\xff"})
    with pytest.raises(InputError) as caught:
        load_task(path, stdin=io.BytesIO())
    assert str(caught.value) == message
