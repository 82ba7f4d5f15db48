"""The maps of events from their records, within bounds whatever these hold."""

from __future__ import annotations

from collections.abc import Callable

import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._trace.format import DIGEST_BYTES, MAX_ENTRIES, TEXT_EXT


class _Unreadable(Exception):
    """Carries the reason out of msgpack, which has ValueErrors of its own."""


class MapReader:
    """Reads the maps of events, with their long texts in place.

    Args:
        read_text: Gives the text of a digest, of at most so many bytes; it may raise ValueError.
        most: The most bytes that the texts of one event may have together.
    """

    def __init__(self, read_text: Callable[[bytes, int], str], most: int) -> None:
        self._read_text = read_text
        self._most = most
        self._texts: dict[bytes, str] = {}

    def read(self, body: bytes) -> object:
        """Read the body of a record.

        Raises:
            ValueError: It is none; the message goes on from "the record at byte 7".
        """
        self._texts.clear()
        try:
            # Each level of a forged body has room for all entries at once, so they are few
            return msgpack.unpackb(
                body,
                use_list=False,
                unicode_errors="surrogatepass",
                max_array_len=MAX_ENTRIES,
                max_map_len=MAX_ENTRIES,
                ext_hook=self._extension,
            )
        except _Unreadable as exc:
            raise ValueError(str(exc)) from exc
        except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as exc:
            # TypeError: a map's key cannot be hashed
            raise ValueError("is garbage") from exc

    def _extension(self, code: int, data: bytes) -> object:
        if code != TEXT_EXT or len(data) != DIGEST_BYTES:
            return msgpack.ExtType(code, data)
        text = self._texts.get(data)
        if text is None:
            # A character takes up to four bytes in memory, and as many in UTF-8
            most = self._most - sum(map(len, self._texts.values()))
            try:
                text = self._texts[data] = self._read_text(data, most)
            except ValueError as exc:
                raise _Unreadable(f"has a text that cannot be read: {exc}") from exc
        return text
