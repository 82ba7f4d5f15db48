"""Server-sent events: the data of each event, out of bytes that come cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"
_END = b"\n\n"
_DATA = b"data: "


class SSEDecoder:
    """Turns the bytes of an event stream into the data of its events."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._data: list[bytes] = []
        self._after_cr = False
        self._first_line = True

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of every event that the chunk completes."""
        if self._after_cr or b"\r" in chunk:
            yield from self._feed_lines(chunk)
            return
        if self._pieces or self._data or self._first_line:
            # After the end of the event that is open, the chunk can be cut into whole ones
            head, end, chunk = chunk.partition(_END)
            yield from self._feed_lines(head + end)
        *events, rest = chunk.split(_END)
        for event in events:
            if event.startswith(_DATA) and b"\n" not in event:
                yield event[len(_DATA) :]
            else:
                yield from self._feed_lines(event + _END)
        if rest:
            yield from self._feed_lines(rest)

    def flush(self) -> bytes | None:
        """Return the data of a last event that no empty line ended, if there is one."""
        if self._pieces:
            self._take(self._pop_line())
        return self._pop_data()

    def _feed_lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._after_cr and chunk:
            # A line feed here is the second half of a line end that was cut in two
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        for piece in chunk.splitlines(keepends=True):
            self._pieces.append(piece)
            if piece.endswith((b"\n", b"\r")):
                yield from self._end_line()
        self._after_cr = chunk.endswith(b"\r")

    def _end_line(self) -> Iterator[bytes]:
        if line := self._pop_line():
            self._take(line)
        elif (data := self._pop_data()) is not None:
            yield data

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))

    def _pop_line(self) -> bytes:
        line = b"".join(self._pieces).rstrip(b"\r\n")
        self._pieces.clear()
        if self._first_line:
            self._first_line = False
            return line.removeprefix(_BOM)
        return line

    def _pop_data(self) -> bytes | None:
        data = b"\n".join(self._data) if self._data else None
        self._data.clear()
        return data
