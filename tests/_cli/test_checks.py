"""What `rlm doctor` says of the machine and of the settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlm_runtime._cli.checks import check_folder, check_memory, check_model


@pytest.mark.parametrize(
    ("model", "base_url", "has_key", "status", "text"),
    [
        (None, None, True, "warn", "none is configured, a key is set"),
        ("scripted/letter_counts", None, False, "ok", "scripted/letter_counts, scripted"),
        ("scripted/none", None, False, "fail", "the scripted models are"),
        ("openai/gpt-5", None, True, "ok", "openai/gpt-5, a key is set"),
        ("openai/gpt-5", None, False, "fail", "openai/gpt-5, no key is set"),
        ("openai/gpt-5", None, True, "ok", "a key is set, $1.25 and $10 per million tokens"),
        ("openai/nobody-knows", None, True, "ok", "price unknown"),
        ("qwen3", None, True, "fail", "'qwen3': give the base_url of an OpenAI-compatible"),
        ("antropic/claude-x", None, True, "fail", "no provider 'antropic'; did you mean anthropic"),
        ("anthropic/claude-x", None, True, "fail", "anthropic/claude-x, no key is set"),
        ("groq/m", None, False, "ok", "groq/m, a key is set, price unknown"),
        ("bedrock/m", None, False, "ok", "bedrock/m, litellm looks for its key, price unknown"),
        ("qwen3", "http://localhost:1/v1", False, "ok", "qwen3 at localhost:1, no key is set"),
        ("qwen3", "http://me:secret@host/v1", True, "ok", "qwen3 at host, a key is set"),
        ("qwen3", "http://me:secret@[::1", True, "fail", "RLM_BASE_URL is no URL"),
    ],
)
def test_a_model_is_looked_at_as_a_run_would(
    monkeypatch: pytest.MonkeyPatch,
    model: str | None,
    base_url: str | None,
    has_key: bool,
    status: str,
    text: str,
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("GROQ_API_KEY", "gsk-secret")
    check = check_model(model, base_url, has_key=has_key)
    assert check.status == status and text in check.text
    assert "secret" not in check.text
    assert (check.hint is None) == (status == "ok")


def test_memory_is_compared_with_what_a_sandbox_takes() -> None:
    check = check_memory(64, 100.4)
    assert (check.status, check.hint) == ("ok", None)
    assert "up to 64 MB for Python, 100 MB when idle" in check.text
    scarce = check_memory(100_000_000, None)
    assert scarce.status == "warn" and scarce.hint is not None and "when idle" not in scarce.text
    assert check.figures["max_memory_mb"] == 64


def folder(path: Path, *, private: bool = False, needed: bool = True) -> tuple[str, str, str]:
    check = check_folder("it", path, setting="RLM_IT", private=private, needed=needed)
    return check.status, check.text, check.hint or ""


def test_a_folder_of_ones_own_is_good(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    status, text, hint = folder(tmp_path, private=True)
    assert (status, hint) == ("ok", "")
    assert text.startswith(f"'{tmp_path}' can be written, ") and text.endswith("mode 0700")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_good_where_it_can_be_made(tmp_path: Path) -> None:
    status, text, _ = folder(tmp_path / "a" / "b")
    assert status == "ok" and "/a/b' can be made" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("needed", "status"), [(True, "fail"), (False, "warn")])
def test_a_folder_below_a_file_is_bad(tmp_path: Path, needed: bool, status: str) -> None:
    (tmp_path / "file").touch()
    found = folder(tmp_path / "file" / "runs", needed=needed)
    assert found == (
        status,
        f"'{tmp_path}/file/runs' cannot be written: not a directory",
        "let RLM_IT name a folder that can",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes everywhere")
def test_a_folder_without_permission_is_bad(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert folder(tmp_path)[1].endswith("cannot be written: permission denied")


def test_a_folder_that_others_can_write_into_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    status, text, hint = folder(tmp_path)
    assert status == "warn" and text.endswith("mode 0777: others can write into it")
    assert hint == f"keep them out: chmod go-w {tmp_path}"


def test_a_folder_of_runs_that_others_can_list_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert folder(tmp_path)[0] == "ok"
    assert folder(tmp_path, private=True)[0] == "warn"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder away")
def test_a_folder_of_another_user_is_told(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    status, text, hint = folder(tmp_path)
    assert status == "warn" and text.endswith("it belongs to another user") and "chown" in hint
