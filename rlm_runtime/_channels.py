"""Replies in the format of gpt-oss, where an endpoint passes its markers on as text."""

from __future__ import annotations

import re

_MARKER = re.compile(r"<\|(start|channel|message|constrain|end|return|call)\|>")
_RECIPIENT = re.compile(r"\bto=([\w.]{1,64})")
# Where the markers themselves were dropped, their words run into the text
_BARE = re.compile(r"(?:assistant)?analysis(?=[A-Z])")
_BARE_FINAL = "assistantfinal"
# Tools that are sent code as it is
_RAW = ("python", "repl")


def read_channels(text: str) -> str:
    """Write a reply in channels as one with `<think>` and `<tool_call>`; leave others alone."""
    start = text.lstrip()
    if _BARE.match(start) and _BARE_FINAL in start:
        return start[start.rindex(_BARE_FINAL) + len(_BARE_FINAL) :]
    if not start.startswith(("<|channel|>", "<|start|>", "<|message|>")):
        return text
    parts: list[str] = []
    header, inside, at = "", False, 0
    for marker in _MARKER.finditer(text):
        piece = text[at : marker.start()]
        at = marker.end()
        if inside:
            parts.append(_message(header, piece))
            header = ""
        elif marker[1] != "start":
            header += f" {piece}"
        if marker[1] == "start":
            header = ""
        inside = marker[1] == "message"
    parts.append(_message(header, text[at:]) if inside else text[at:])
    return "\n".join(part for part in parts if part.strip())


def _message(header: str, content: str) -> str:
    """Write one message, by the channel and the recipient that its header names."""
    recipient = _RECIPIENT.search(header)
    if recipient is not None:
        tool = recipient[1].rpartition(".")[2]
        if tool in _RAW and not content.lstrip().startswith("{"):
            return f"<|python_tag|>{content}"
        return f"<tool_call>{tool}{content}"
    return f"<think>{content}</think>" if "analysis" in header.split() else content
