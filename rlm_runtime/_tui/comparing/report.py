"""The comparison of two runs as lines of text, for where there is no screen."""

from __future__ import annotations

from pathlib import Path

from rlm_runtime._printable import reason
from rlm_runtime._tui.comparing.described import SIGNS, Compared, describe
from rlm_runtime._tui.comparing.loading import align_beside, look_closer, read_all
from rlm_runtime._tui.comparing.rows import make_lines
from rlm_runtime._tui.comparing.summary import summarise_difference, summarise_run
from rlm_runtime._tui.source import open_source

_WIDTH = 100


async def report_differences(path_a: Path, path_b: Path) -> list[str]:
    """Compare two runs, and tell of it line by line.

    Raises:
        TraceError: One of them cannot be read, or is no trace.
    """
    async with open_source(path_a) as source_a, open_source(path_b) as source_b:
        a, damage_a = await read_all(source_a, _tell_nobody)
        b, damage_b = await read_all(source_b, _tell_nobody)
        alignment = await align_beside(a, b, _tell_nobody)
        left = await look_closer(alignment, a, b, source_a, source_b)
    compared = Compared(a=a, b=b, alignment=alignment, lines=make_lines(alignment))
    told = [summarise_run("A", a, a.last), summarise_run("B", b, b.last)]
    told.append(summarise_difference(a, b, alignment, left))
    lines = [line.plain.strip() for line in told]
    lines += [reason(damage) for damage in (damage_a, damage_b) if damage]
    for line in compared.lines:
        label, text_a, text_b = describe(compared, line, _WIDTH)
        lines.append(f"{SIGNS[line.verdict]} {label}")
        if line.is_difference:
            lines += [f"    A {text_a[:_WIDTH]}", f"    B {text_b[:_WIDTH]}"]
    return lines


def _tell_nobody(progress: str) -> None:
    pass
