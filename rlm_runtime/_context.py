"""Reading what a run is about: the task, and the files that become its context."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pathspec import GitIgnoreSpec

from rlm_runtime._errors import InputError

_NEVER_READ = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that was found but is not in the context."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the arguments gave."""

    value: str | dict[str, str]
    """The text of the one file, else a dict of path to text."""
    skipped: tuple[SkippedFile, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Source:
    """One argument, and the files it stands for."""

    root: Path
    """The folder that `files` are relative to, absolute."""
    files: list[str]
    is_folder: bool = True
    """Whether the files were found in a folder, not named one by one."""
    prefix_parts: int = 0
    """How many of the last parts of `root` stand in front of each key."""

    def keys(self) -> list[str]:
        """Name the files, in order."""
        parts = self.root.parts[1:]
        prefix = parts[len(parts) - self.prefix_parts :] if self.prefix_parts else ()
        return [PurePosixPath(*prefix, file).as_posix() for file in self.files]

    def lengthen_prefix(self) -> None:
        """Put one more folder in front of each key, while there is one."""
        self.prefix_parts = min(self.prefix_parts + 1, len(self.root.parts) - 1)


def load_task(path: str, *, stdin: BinaryIO) -> str:
    """Read the task from a text file, or from stdin for `-`.

    Raises:
        InputError: It cannot be read, is not UTF-8, or has no text in it.
    """
    text = _read_single(path, what="task", stdin=stdin)
    if not text.strip():
        raise InputError(f"Cannot read task {path!r}: it is empty")
    return text


def load_context(args: Sequence[str], *, stdin: BinaryIO) -> Context:
    """Read files, folders, globs and `-` for stdin.

    One file, or stdin alone, gives its text. Anything else gives a dict, sorted by key: the path
    relative to the argument; with several arguments a folder's name stands in front, and more
    of its path where two files would have the same key.

    Raises:
        InputError: An argument cannot be read, or there is no readable file in all of them.
    """
    if len(args) == 1 and _is_single(args[0]):
        return Context(value=_read_single(args[0], what="context", stdin=stdin))
    if args.count("-") > 1:
        raise InputError("Cannot read context '-': stdin is given twice")
    skipped: list[SkippedFile] = []
    sources = [_find_files(arg, skipped) for arg in args if arg != "-"]
    if len(args) > 1:
        _drop_repeated(sources)
        _make_keys_unique(sources, taken={"-"} & set(args))
    texts = {"-": _read_single("-", what="context", stdin=stdin)} if "-" in args else {}
    for source in sources:
        texts.update(_read_source(source, skipped))
    if not texts:
        raise InputError(_nothing_readable(args, skipped))
    return Context(value=dict(sorted(texts.items())), skipped=tuple(skipped))


def _read_source(source: _Source, skipped: list[SkippedFile]) -> Iterator[tuple[str, str]]:
    for key, file in zip(source.keys(), source.files, strict=True):
        path = source.root / file
        try:
            yield key, _decode(path.read_bytes())
        except (OSError, UnicodeDecodeError) as exc:
            if isinstance(exc, OSError) and not source.is_folder:
                raise InputError(f"Cannot read context {str(path)!r}: {_reason(exc)}") from exc
            skipped.append(SkippedFile(path=str(path), reason=_reason(exc)))


def _is_single(arg: str) -> bool:
    return arg == "-" or not (os.path.isdir(arg) or _is_glob(arg))


def _is_glob(arg: str) -> bool:
    # A file that exists is never a pattern, whatever its name
    return glob.has_magic(arg) and not os.path.lexists(arg) and "://" not in arg


def _read_single(arg: str, *, what: str, stdin: BinaryIO) -> str:
    try:
        return _decode(stdin.read() if arg == "-" else _checked(arg, what).read_bytes())
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"Cannot read {what} {arg!r}: {_reason(exc)}") from exc


def _checked(arg: str, what: str) -> Path:
    """Find a file that the user named; a pipe may be one: shells write `<(command)` so."""
    if arg.startswith(("http://", "https://")):
        raise InputError(f"Cannot read {what} {arg!r}: URLs are not supported yet")
    mode = os.stat(arg).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"Cannot read {what} {arg!r}: it is neither a file nor a folder")
    return Path(arg)


def _find_files(arg: str, skipped: list[SkippedFile]) -> _Source:
    """List the files of one argument of several, or of a folder or glob."""
    if _is_glob(arg):
        return _find_glob(arg, skipped)
    try:
        path = Path(os.path.abspath(_checked(arg, "context")))
        if not path.is_dir():
            return _Source(root=path.parent, files=[path.name], is_folder=False)
        os.scandir(path).close()
    except OSError as exc:
        raise InputError(f"Cannot read context {arg!r}: {_reason(exc)}") from exc
    return _Source(root=path, files=list(_walk(path, skipped)))


def _find_glob(pattern: str, skipped: list[SkippedFile]) -> _Source:
    """List what a pattern matches: like the shell, but `**` obeys the ignore rules."""
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    root, rest = Path(os.path.abspath(Path(*parts[:fixed]))), parts[fixed:]
    if "**" in rest:
        files = [f for f in _walk(root, skipped) if _matches(PurePosixPath(f).parts, rest)]
    else:
        files = []
        for match in sorted(glob.glob(str(Path(*rest)), root_dir=root)):
            if (root / match).is_dir():
                files += [f"{match}/{file}" for file in _walk(root / match, skipped)]
            elif (root / match).is_file():
                files.append(match)
    if not files:
        raise InputError(f"Cannot read context {pattern!r}: no file matches")
    return _Source(root=root, files=files)


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return _matches(path, pattern[1:]) or (bool(path) and _matches(path[1:], pattern))
    return (
        bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
    )


def _walk(root: Path, skipped: list[SkippedFile]) -> Iterator[str]:
    """Find the regular files below a folder, less what is hidden, ignored, or behind a link."""
    specs: dict[str, GitIgnoreSpec] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as exc:
            skipped.append(SkippedFile(path=f"{root / folder}/", reason=_reason(exc)))
            continue
        if rules := _read_ignore_file(root / folder / ".gitignore"):
            specs[folder] = rules
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _is_ignored(path, specs, is_folder=is_folder):
                continue
            if is_folder:
                folders.append(path)
            elif reason := _unreadable_kind(entry):
                skipped.append(SkippedFile(path=str(root / path), reason=reason))
            else:
                yield path


def _read_ignore_file(path: Path) -> GitIgnoreSpec | None:
    try:
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    except OSError:
        return None
    # Git passes over a line that is not a pattern; the library refuses the whole file
    return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_ignored(path: str, specs: dict[str, GitIgnoreSpec], *, is_folder: bool) -> bool:
    """Apply the rules: of the `.gitignore` files above a path, the nearest that names it wins."""
    folder, _, name = path.rpartition("/")
    if name.startswith(".") or (is_folder and name in _NEVER_READ):
        return True
    while True:
        if spec := specs.get(folder):
            below = path[len(folder) + 1 :] if folder else path
            verdict = spec.check_file(f"{below}/" if is_folder else below).include
            if verdict is not None:
                return verdict
        if not folder:
            return False
        folder = folder.rpartition("/")[0]


def _unreadable_kind(entry: os.DirEntry[str]) -> str | None:
    """Tell why an entry must not be opened: a pipe would block, a link to a folder may loop."""
    # Not entry.is_file(): it raises where a link points to itself
    if os.path.isfile(entry.path):
        return None
    if entry.is_symlink():
        return "a link to a folder" if os.path.isdir(entry.path) else "a broken link"
    return "not a regular file"


def _drop_repeated(sources: Sequence[_Source]) -> None:
    seen: set[Path] = set()
    for source in sources:
        source.files = [file for file in source.files if source.root / file not in seen]
        seen.update(source.root / file for file in source.files)


def _make_keys_unique(sources: Sequence[_Source], *, taken: set[str]) -> None:
    for source in sources:
        if source.is_folder:
            source.lengthen_prefix()
    while True:
        counts = Counter(taken)
        for source in sources:
            counts.update(source.keys())
        clashing = [s for s in sources if any(counts[key] > 1 for key in s.keys())]
        before = [source.prefix_parts for source in clashing]
        for source in clashing:
            source.lengthen_prefix()
        if [source.prefix_parts for source in clashing] == before:
            return


def _decode(data: bytes) -> str:
    return data.decode("utf-8")


def _reason(exc: OSError | UnicodeDecodeError) -> str:
    if isinstance(exc, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {exc.start})"
    if exc.errno == errno.ENOENT:
        return "no such file"
    return (exc.strerror or type(exc).__name__).lower()


def _nothing_readable(args: Sequence[str], skipped: Sequence[SkippedFile]) -> str:
    names = ", ".join(repr(arg) for arg in args)
    example = f", {skipped[0].path!r} is skipped: {skipped[0].reason}" if skipped else ""
    return f"Cannot read context {names}: there is no readable file in it{example}"
