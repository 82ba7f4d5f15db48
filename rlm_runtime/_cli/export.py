"""`rlm export`: write a run as a page, as lines of JSON, as chats, or as spans."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from rlm_runtime._cli.command import Command
from rlm_runtime._cli.finding import find_trace, trace_dir_option
from rlm_runtime._cli.output import open_output
from rlm_runtime._cli.stderr import tell
from rlm_runtime._cli.tally import count
from rlm_runtime._errors import InputError, TraceError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._printable import printable
from rlm_runtime._trace.reader import Trace, open_trace

_FORMATS = ("html", "jsonl", "chat", "otel")
_STDOUT = (Path("-"), Path("/dev/stdout"))

Write = Callable[[Trace, BinaryIO], None]


@click.command("export", cls=Command)
@click.argument("run", required=False)
@click.option("--to", "form", type=click.Choice(_FORMATS), required=True, help="The form to give.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to a file instead of stdout; it is replaced when all is there.",
)
@click.option(
    "--content",
    is_flag=True,
    help="jsonl, chat: put values in whole; otel: send what models, code and tools said, too.",
)
@click.option("--answered-only", is_flag=True, help="chat: leave out what ended without an answer.")
@trace_dir_option
def command(
    run: str | None,
    form: str,
    output: Path | None,
    content: bool,
    answered_only: bool,
    trace_dir: Path | None,
) -> None:
    """Write a run in another form.

    RUN is the id of a run or the beginning of it, its trace file, or the folder of one; without
    it the newest run is taken.

    html is one page that needs nothing else; jsonl one event a line; chat one node or completion
    a line, its messages as trainers of models read them; otel OpenTelemetry spans, sent over
    OTLP/HTTP to where the OTEL_EXPORTER_OTLP_… variables say.
    """
    _check_usage(form, output, content=content, answered_only=answered_only)
    path = find_trace(run, trace_dir or default_trace_dir())
    try:
        with open_trace(path) as trace:
            if form == "otel":
                _send(trace, content=content)
            else:
                write = _writer(form, content=content, answered_only=answered_only)
                _write(trace, write, _place(form, output, trace))
    except TraceError as exc:
        raise InputError(str(exc)) from exc


def _check_usage(form: str, output: Path | None, *, content: bool, answered_only: bool) -> None:
    if output is not None and form == "otel":
        raise click.UsageError("-o does not go with --to otel, which sends what it exports")
    if content and form == "html":
        raise click.UsageError("--content does not go with --to html, which holds all of it")
    if answered_only and form != "chat":
        raise click.UsageError("--answered-only goes with --to chat only")


def _writer(form: str, *, content: bool, answered_only: bool) -> Write:
    # What the other forms need is not loaded
    if form == "html":
        return _write_page
    if form == "jsonl":
        from rlm_runtime._export.jsonl import write_jsonl

        return partial(write_jsonl, content=content)
    from rlm_runtime._export.chat import write_chat

    return partial(write_chat, content=content, answered_only=answered_only)


def _write_page(trace: Trace, out: BinaryIO) -> None:
    from rlm_runtime._export.html import write_html

    write_html(trace, out)
    # A damaged trace makes a page that says so; the exit status says so here
    deque(trace.events(), maxlen=0)


def _place(form: str, output: Path | None, trace: Trace) -> Path | None:
    """Choose where to write; a page is nothing that a terminal could show."""
    if output is None and form == "html" and sys.stdout is not None and sys.stdout.isatty():
        return Path(f"{trace.path.resolve().parent.name}.html")
    return None if output in _STDOUT else output


def _write(trace: Trace, write: Write, place: Path | None) -> None:
    """Write all that can be read.

    Raises:
        TraceError: The trace is damaged; what comes before was written.
    """
    damage: TraceError | None = None
    with open_output(place) as out:
        try:
            write(trace, out)
        except TraceError as exc:
            damage = exc
    if place is not None:
        tell(f"rlm: Wrote {printable(str(place))!r}")
    if damage is not None:
        raise damage


def _send(trace: Trace, *, content: bool) -> None:
    from rlm_runtime._export.otel import endpoint, export_trace, wants_content

    sent = export_trace(trace, content=content or wants_content())
    tell(f"rlm: Sent {count(sent, 'span')} to {printable(endpoint())}")
