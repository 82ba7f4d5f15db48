"""The file of `--schema`: what is wrong with it is told before anything is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlm_runtime._cli.schema import load_schema
from rlm_runtime._cli.status import ExitStatus, describe_error, exit_status
from rlm_runtime._errors import RLMError


def test_a_schema_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "array", "items": {"type": "string"}}')
    assert load_schema(tmp_path / "s.json") == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (None, ExitStatus.INPUT, "s.json': no such file or directory"),
        (b"{", ExitStatus.INPUT, "s.json': it is not JSON: "),
        (b"\xff", ExitStatus.INPUT, "s.json': it is not JSON: "),
        (b"[" * 100_000, ExitStatus.INPUT, "s.json': it is not JSON: "),
        (b"[]", ExitStatus.CONFIG, "it is of type list, not object"),
        (b'{"if": {}}', ExitStatus.CONFIG, "at #: the keyword 'if' is not supported"),
        (b'{"if": {}}', ExitStatus.CONFIG, "hint: the schema comes from "),
    ],
)
def test_a_file_that_is_no_schema_is_told_why(
    content: bytes | None, status: ExitStatus, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(RLMError) as caught:
        load_schema(tmp_path / "s.json")
    assert exit_status(caught.value) is status
    assert said in describe_error(caught.value)
