"""Where a long line goes on below itself."""

from __future__ import annotations

from rich.cells import get_character_cell_size


def wrap(line: str, width: int) -> list[tuple[int, int]]:
    """Cut a line into rows of so many cells, at spaces where that leaves no row half empty.

    Args:
        line: Printable text without tabs and ends of lines.
        width: In cells, at least 1.

    Returns:
        Where each row begins and ends; the space at which a row was cut is in none.
    """
    if line.isascii():
        if len(line) <= width:
            return [(0, len(line))]
        return _wrap_narrow(line, width)
    return _wrap_wide(line, width)


def _wrap_narrow(line: str, width: int) -> list[tuple[int, int]]:
    rows, start = [], 0
    while len(line) - start > width:
        end = start + width
        space = line.rfind(" ", start + width // 2, end + 1)
        if space > start:
            rows.append((start, space))
            start = space + 1
        else:
            rows.append((start, end))
            start = end
    rows.append((start, len(line)))
    return rows


def _wrap_wide(line: str, width: int) -> list[tuple[int, int]]:
    rows, start, used, space = [], 0, 0, -1
    for at, character in enumerate(line):
        cells = get_character_cell_size(character)
        # What takes no cell stays with the character before it, and so does an emoji's second half
        if used + cells > width and at > start and cells and line[at - 1] != "\u200d":
            space = at if character == " " else space
            end = space if space > start + (at - start) // 2 else at
            rows.append((start, end))
            start = end + (line[end] == " ")
            used = sum(map(get_character_cell_size, line[start:at]))
            cells = cells if start <= at else 0
            space = -1
        elif character == " ":
            space = at
        used += cells
    rows.append((start, len(line)))
    return rows
