"""One page of a run that needs nothing beside it: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from string import Template
from typing import BinaryIO

from rlm_runtime._describe import preview
from rlm_runtime._errors import TraceError
from rlm_runtime._export.page_data import PageData
from rlm_runtime._export.page_texts import TEXT_CHARS
from rlm_runtime._paths import package_file
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import Trace

_SCRIPTS = (
    "dom.js",
    "words.js",
    "texts.js",
    "python.js",
    "data.js",
    "rows.js",
    "lanes.js",
    "tree.js",
    "pieces.js",
    "reply.js",
    "blocks.js",
    "details.js",
    "costs.js",
    "places.js",
    "search.js",
    "header.js",
    "main.js",
)
"""In the order of their imports; they become one script."""
_STYLES = ("base.css", "tree.css", "details.css", "narrow.css")
"""In an order in which the last word wins."""
_MODULE_LINES = re.compile(r"^import [^;]*;\n|^export (?=(?:const|let|function|class) )", re.M)
# What could end the element, or is not the same after a browser has read it
_UNSAFE = re.compile("[<>&\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufeff\ufffe\uffff\ud800-\udfff]")
_CUT = re.compile(r"… \([\d,]+ characters more\)$|…$")
_MOST_VALUES = 500
_CHUNK = 256 * 1024


def write_html(trace: Trace, out: BinaryIO) -> None:
    """Write the page of a run.

    Raises:
        TraceError: The trace is damaged before anything of the run can be read.
    """
    unfinished = "running" if is_being_written(trace.path) else "crashed"
    page = PageData(trace.header.run, _Whole(trace).text)
    damage = ""
    try:
        for event in trace.events():
            page.add(event)
    except TraceError as exc:
        if not page.has_begun:
            raise
        damage = str(exc)
    before, after = _frame(trace.header.run)
    out.write(before.encode())
    for chunk in _json_chunks(page.as_json(unfinished, damage)):
        out.write(chunk)
    out.write(after.encode())


class _Whole:
    """Finds the whole texts of which events hold previews."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._left = _MOST_VALUES

    def text(self, ref: str, shown: str) -> str:
        """Give the value as text, as much as a page shows of one; or else what is shown."""
        if not ref or self._left <= 0 or not _CUT.search(shown):
            return shown
        self._left -= 1
        try:
            value = self._trace.value(ref)
        except TraceError:
            return shown
        # A str is cut where it is put into the page, which counts what it leaves out
        return value if isinstance(value, str) else preview(value, TEXT_CHARS)


def _frame(run: str) -> tuple[str, str]:
    """Give what stands before the data and after it."""
    folder = package_file("_export/page")
    style = "".join((folder / name).read_text("utf-8") for name in _STYLES)
    script = "".join(_as_part((folder / name).read_text("utf-8")) for name in _SCRIPTS)
    page = Template((folder / "page.html").read_text("utf-8"))
    marker = "<data of the run>"
    filled = page.substitute(
        policy=(
            f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)};"
            " img-src data:; base-uri 'none'; form-action 'none'"
        ),
        title=html.escape(f"rlm run {run[:80]}".encode("ascii", "replace").decode()),
        style=style,
        script=script,
        data=marker,
    )
    before, _, after = filled.partition(marker)
    return before, after


def _as_part(module: str) -> str:
    """Give a module as a part of one script: without imports and exports."""
    return _MODULE_LINES.sub("", module)


def _hash(text: str) -> str:
    """Name a script or style in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json_chunks(data: object) -> Iterator[bytes]:
    """Write data as JSON that ends no element, whatever is in it."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    pieces: list[str] = []
    size = 0
    for piece in encoder.iterencode(data):
        pieces.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield _escape("".join(pieces))
            pieces, size = [], 0
    yield _escape("".join(pieces))


def _escape(text: str) -> bytes:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
