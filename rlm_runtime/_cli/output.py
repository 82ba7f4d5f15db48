"""Where the answer goes: stdout, or a file that is complete or not there."""

from __future__ import annotations

import codecs
import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rlm_runtime._printable import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(Exception):
    """The output could not be written."""


def check_writable(path: Path) -> None:
    """Try whether a file can be put here, without touching what is there.

    Raises:
        OutputError: It cannot.
    """
    try:
        if not _is_special(path):
            temporary = _temporary_for(path)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            temporary.unlink()
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as exc:
        raise OutputError(f"Cannot write to {str(path)!r}: {_reason(exc)}") from exc


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file all at once: readers see the old one or the whole new one.

    Raises:
        OutputError: It failed; the file that was there before is untouched.
    """
    with open_output(path) as file:
        file.writelines(chunks)


@contextmanager
def open_output(path: Path | None) -> Iterator[BinaryIO]:
    """Open a file that replaces the old one at the end of the block, or stdout where None.

    What an error ends leaves the old file untouched. A terminal is protected from what a model
    wrote; where the reader of stdout went away, as `head` does, the block ends in silence.

    Raises:
        OutputError: It cannot be written.
    """
    if path is None:
        with _open_stdout() as stream:
            yield stream
        return
    try:
        if _is_special(path):
            with path.open("wb") as special, _protecting(special) as protected:
                yield protected
        else:
            with _replacing(path) as replacement:
                yield replacement
    except OSError as exc:
        raise OutputError(f"Cannot write to {str(path)!r}: {_reason(exc)}") from exc


def write_stdout(chunks: Iterable[bytes]) -> None:
    """Write to stdout, exactly unless it is a terminal, which must not obey what a model wrote.

    A reader that went away, as `head` does, had all it wanted.

    Raises:
        OutputError: It failed for another reason.
    """
    with _open_stdout() as stream:
        stream.writelines(chunks)


def with_final_newline(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Add a newline where the last chunk has none."""
    last = b""
    for chunk in chunks:
        last = chunk or last
        yield chunk
    if not last.endswith(b"\n"):
        yield b"\n"


@contextmanager
def _open_stdout() -> Iterator[BinaryIO]:
    if sys.stdout is None:
        raise OutputError("Cannot write to stdout: it is closed; -o FILE writes to a file")
    stream = sys.stdout.buffer
    try:
        with _protecting(stream) as protected:
            yield protected
        stream.flush()
    except BrokenPipeError:
        _detach_stdout()
    except OSError as exc:
        _detach_stdout()
        raise OutputError(f"Cannot write to stdout: {_reason(exc)}") from exc


@contextmanager
def _protecting(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Neutralise what is written, if it is for a terminal."""
    if stream.isatty():
        with io.BufferedWriter(_Terminal(stream)) as neutral:
            yield neutral
    else:
        yield stream


class _Terminal(io.RawIOBase):
    """Writes UTF-8 to a terminal, and shows what it could obey."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        taken = bytes(data)
        self._stream.write(printable(self._decoder.decode(taken)).encode())
        return len(taken)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    # A link stays a link: what it points to is replaced
    target = Path(os.path.realpath(path))
    temporary = _temporary_for(path)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(fd, "wb") as file:
            yield file
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise


def _temporary_for(path: Path) -> Path:
    return Path(os.path.realpath(path)).with_name(f".rlm-{secrets.token_hex(8)}.tmp")


def _is_special(path: Path) -> bool:
    """Tell a device or a pipe, which must not be replaced by a file.

    Raises:
        OSError: It is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return path.exists() and not path.is_file()


def _detach_stdout() -> None:
    """Point stdout to nothing, so that the interpreter's last flush cannot fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _reason(exc: OSError) -> str:
    return (exc.strerror or type(exc).__name__).lower()
