"""What a model's reply holds: code to run, an answer written as text, and the words around them.

A reply is read once, line by line. Inside a fence the reader follows Python's strings, so that a
fence within a triple-quoted string is text. Reading on in search of an end that never comes is
paid from an allowance, which keeps hostile replies linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rlm_runtime._answer_text import canonical_call, is_program
from rlm_runtime._channels import read_channels
from rlm_runtime._fences import THOUGHT, Fence, Python, dedent, indent_of, opening_fence
from rlm_runtime._tool_calls import OPENING, read_json_call, read_tool_call

_CALLS = ("json", "tool_call", "")
_SPAN_OR_TAG = re.compile(
    rf"(?P<span>(?<!`)(?P<mark>`++)[^`]++(?P=mark)(?!`))|(?P<thought>{THOUGHT})|{OPENING.pattern}"
)
_CODE_TAG = re.compile(
    r"[ \t]*+<(repl|python|ipython|code|execute|execute_python|execute_ipython|tool_code)>"
)
_END_TOKENS = (
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|return|>"),
    *("</s>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "<end_code>"),
)
_CALL = re.compile(r"FINAL(?:_VAR)?\(")
# What the other side says: a model that writes it has made up what its code would give
_OTHER_SIDE = re.compile(
    r"[ \t*_#]*+(?:Output of reply \d+ of \d+:|Observation:|(?:Expected )?[Oo]utput:[ \t*_]*+$"
    r"|<(?:tool_response|function_results)>)|.*<\|(?:im_start|start_header_id)\|>user\b"
)
_OUTPUT = ("output", "tool_output", "stdout")
# Running Python's parser once takes as long as reading so many characters
_TRY_COST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's reply, taken apart."""

    blocks: tuple[str, ...] = ()
    """Code to run, in order."""
    final: str | None = None
    """A call of FINAL or FINAL_VAR that was written as text, where no code runs."""
    prose: str = ""
    """The model's own words, outside of code and thoughts."""
    has_thoughts: bool = False
    """Whether there were thoughts, such as those in `<think>`."""
    has_tool_call: bool = False
    """Whether it calls a tool, in any form; the code in such a call is among the blocks."""


def parse_reply(text: str) -> Reply:
    """Take a reply apart; any text is a reply, if only of prose."""
    return _Reader(without_end_tokens(read_channels(text))).read()


def without_end_tokens(text: str) -> str:
    """Cut off what a chat template ends a reply with."""
    # As often as it was seen; a flood of them is just text
    for _ in range(3):
        end = text.rstrip()
        token = next((one for one in _END_TOKENS if end.endswith(one)), None)
        if token is None:
            break
        text = end.removesuffix(token)
    return text


class _Reader:
    """One pass over the lines of a reply."""

    def __init__(self, text: str) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._at = 0
        self._thinking = ""
        """What ends the thought that is open, if one is."""
        self._has_thoughts = False
        self._has_tool_call = False
        self._allowance = 2 * len(text) + 100_000
        self._code: list[tuple[Fence, str]] = []
        self._counting: int | None = None
        """How many blocks count, where what follows them rests on output that was made up."""
        self._calls: list[tuple[int, str]] = []
        self._prose: list[str] = []

    def read(self) -> Reply:
        while self._at < len(self._lines):
            if not self._thinking and self._take_code():
                continue
            line = self._lines[self._at]
            if not self._thinking and _OTHER_SIDE.match(line):
                self._stop_counting()
            shown, rest = self._without_thoughts(line)
            self._lines[self._at] = shown
            if rest:
                self._prose.append(shown)
                self._lines[self._at] = rest
            elif shown == line or self._thinking or not self._take_code():
                self._prose.append(shown)
                self._at += 1
        return self._reply()

    def _reply(self) -> Reply:
        code = [(fence, code) for fence, code in self._code[: self._counting] if code]
        if (repl := _in_repl(code)) or (repl := _in_repl(self._code)):
            code = repl
        blocks = tuple(one for _, one in code)
        final = None
        # Where FINAL ends code that has no fence, it was meant to run after that code
        if self._calls and not blocks and not is_program("\n".join(self._prose)):
            place, final = self._calls[0]
            del self._prose[place]
        prose = "\n".join(self._prose).strip()
        if not blocks and final is None and (call := read_json_call(prose)):
            self._has_tool_call = True
            blocks, prose = call.codes, "" if call.codes else prose
        return Reply(
            blocks=blocks,
            final=final,
            prose=prose,
            has_thoughts=self._has_thoughts,
            has_tool_call=self._has_tool_call,
        )

    def _stop_counting(self) -> None:
        if self._counting is None and any(code for _, code in self._code):
            self._counting = len(self._code)

    def _without_thoughts(self, line: str) -> tuple[str, str]:
        """Cut thoughts out of a line of prose; the end of one that never began ends all before.

        A tool call in the line ends it; the second part is the rest, which begins with the call.
        """
        shown: list[str] = []
        at = 0
        while True:
            if self._thinking:
                end = line.find(self._thinking, at)
                if end < 0:
                    return "".join(shown), ""
                self._thinking, at = "", end + len(self._thinking)
            found = _SPAN_OR_TAG.search(line, at)
            if found is None:
                return "".join([*shown, line[at:]]), ""
            tag = found["thought"]
            if tag is None:
                is_call = found["span"] is None and self._allowance >= 0
                if is_call:
                    return "".join([*shown, line[at : found.start()]]), line[found.start() :]
                shown.append(line[at : found.end()])
            else:
                self._has_thoughts = True
                if tag[1] == "/":
                    shown.clear()
                    self._forget()
                else:
                    self._thinking = f"{tag[0]}/{tag[1:]}"
                    shown.append(line[at : found.start()])
            at = found.end()

    def _forget(self) -> None:
        self._code.clear()
        self._counting = None
        self._calls.clear()
        self._prose.clear()

    def _take_code(self) -> bool:
        return self._take_fence() or self._take_tag() or self._take_tool_call() or self._take_call()

    def _take_fence(self) -> bool:
        """Take the fence that opens here, if one does."""
        opening = self._at
        fence = opening_fence(self._lines[opening])
        if fence is None:
            return False
        end, self._at = self._find_end(fence, opening + 1)
        body = dedent(self._lines[opening + 1 : end], fence.indent)
        if self._take_json(fence, body):
            return True
        if fence.is_code:
            self._code.append((fence, body))
        else:
            self._prose += self._lines[opening : self._at]
            if fence.language in _OUTPUT:
                self._stop_counting()
        return True

    def _take_json(self, fence: Fence, body: str) -> bool:
        """Take the code of a tool call that is all that a fence holds."""
        if fence.language not in _CALLS or not self._afford(_TRY_COST):
            return False
        call = read_json_call(body)
        self._has_tool_call |= call is not None
        codes = call.codes if call else ()
        self._code += [(fence, code) for code in codes]
        return bool(codes)

    def _take_tag(self) -> bool:
        """Take the code between tags that opens here, if there is some."""
        opening = self._at
        found = _CODE_TAG.match(self._lines[opening])
        if found is None:
            return False
        first = self._lines[opening][found.end() :]
        end, code = self._find_tag_end(f"</{found[1]}>", first)
        alone = not first.strip()
        inner = next((line for line in code if line.strip()), "")
        # What follows an open tag in its line may be prose, and a fence in it is read by itself
        if (end is None and not alone) or opening_fence(inner) is not None:
            return False
        self._at = len(self._lines) if end is None else end + 1
        fence = Fence(indent_of(inner) if alone else 0, "", "repl" if "repl" in found[1] else "")
        self._code.append((fence, dedent(code[1:] if alone else code, fence.indent).strip("\n")))
        return True

    def _find_tag_end(self, closing: str, first: str) -> tuple[int | None, list[str]]:
        """Find the line that a closing tag ends, if one does, and the lines of code before it."""
        python = Python()
        code: list[str] = []
        for at in range(self._at, len(self._lines)):
            line = first if at == self._at else self._lines[at]
            if not self._afford(len(line) + 1):
                return None, [first]
            body, found, rest = line.rpartition(closing)
            ends = bool(found) and not rest.strip()
            python.feed(body if ends else line)
            if ends and not python.quote:
                return at, [*code, body]
            code.append(line)
        return None, code

    def _take_tool_call(self) -> bool:
        """Take the tool call that starts here, if one does; what follows it is read on."""
        line = self._lines[self._at]
        start = indent_of(line)
        if self._allowance < 0 or OPENING.match(line, start) is None:
            return False
        text = "\n".join([line[start:], *self._lines[self._at + 1 :]])
        if not self._afford(len(text)):
            return False
        self._has_tool_call = True
        call = read_tool_call(text)
        self._code += [(Fence(0, "", ""), code.strip("\n")) for code in call.codes]
        self._at += text.count("\n", 0, call.end)
        newline = text.find("\n", call.end)
        self._lines[self._at] = text[call.end : len(text) if newline < 0 else newline]
        return True

    def _find_end(self, fence: Fence, start: int) -> tuple[int, int]:
        """Find the line that ends a fence, and the line after which to read on.

        Where a string is never closed, the first line that looked like the end is the end.
        """
        python = Python()
        looked_like_end: int | None = None
        for at in range(start, len(self._lines)):
            line = self._lines[at]
            if fence.is_closed_by(line):
                if not python.quote:
                    return at, at + 1
                if looked_like_end is None:
                    looked_like_end = at
            elif fence.is_code and not python.quote and fence.is_cut_short_by(line):
                return at, at
            if looked_like_end is not None and not self._afford(len(line) + 1):
                return looked_like_end, looked_like_end + 1
            if fence.is_code:
                python.feed(line)
        if python.quote and looked_like_end is not None:
            return looked_like_end, looked_like_end + 1
        return len(self._lines), len(self._lines)

    def _take_call(self) -> bool:
        """Take the call of FINAL that starts here, if a valid one does, over all its lines."""
        if not _CALL.match(self._lines[self._at]):
            return False
        python = Python()
        for end in range(self._at, len(self._lines)):
            if not self._afford(len(self._lines[end]) + 1):
                return False
            python.feed(self._lines[end])
            if python.depth <= 0 and not python.quote:
                break
        source = "\n".join(self._lines[self._at : end + 1])
        call = canonical_call(source) if self._afford(_TRY_COST) else None
        if call is None:
            return False
        self._calls.append((len(self._prose), call))
        self._prose.append(source)
        self._at = end + 1
        return True

    def _afford(self, cost: int) -> bool:
        self._allowance -= cost
        return self._allowance >= 0


def _in_repl(code: list[tuple[Fence, str]]) -> list[tuple[Fence, str]]:
    return [(fence, one) for fence, one in code if one and fence.language == "repl"]
