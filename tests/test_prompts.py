"""The templates: what they may contain, how a user replaces them, what they say."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from string import Template

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._parsing import parse_reply
from rlm_runtime._paths import data_dir
from rlm_runtime._prompts import PLACEHOLDERS, Prompts, SubCalls

SUB_CALLS: tuple[SubCalls, ...] = ("nodes", "completions", "none")

RENDER: dict[str, Callable[[Prompts], str]] = {
    "system.md": lambda p: p.system(sub_calls="none", max_observation_chars=4321),
    "sub_calls_nodes.md": lambda p: p.system(sub_calls="nodes", max_observation_chars=1),
    "sub_calls_completions.md": lambda p: p.system(
        sub_calls="completions", max_observation_chars=1
    ),
    "sub_calls_none.md": lambda p: p.system(sub_calls="none", max_observation_chars=1),
    "leaf.md": Prompts.leaf,
    "first.md": lambda p: p.first(query="q", context="c", iterations=1),
    "iteration.md": lambda p: p.observation(observation="o", iteration=1, iterations=2),
    "last_iteration.md": Prompts.last_iteration,
    "reminder.md": Prompts.reminder,
}

SYSTEM_PARTS = {"system.md", *(f"sub_calls_{each}.md" for each in SUB_CALLS)}


def _system(sub_calls: SubCalls) -> str:
    return Prompts.load().system(sub_calls=sub_calls, max_observation_chars=4321)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_shipped_template_has_exactly_its_placeholders(name: str) -> None:
    template = Template((data_dir("prompts") / name).read_text(encoding="utf-8"))
    names = set(template.get_identifiers())
    assert names == PLACEHOLDERS[name]
    rendered = template.substitute({each: f"<{each}>" for each in names})
    assert all(f"<{each}>" in rendered for each in names)


def test_every_shipped_file_is_a_template_or_the_readme() -> None:
    shipped = {path.name for path in data_dir("prompts").glob("*.md")}
    assert shipped == {*PLACEHOLDERS, "README.md"}


def test_readme_names_every_file_and_placeholder() -> None:
    readme = (data_dir("prompts") / "README.md").read_text(encoding="utf-8")
    rows = {
        name: row for row in readme.splitlines() for name in PLACEHOLDERS if f"| `{name}`" in row
    }
    assert rows.keys() == PLACEHOLDERS.keys()
    for name, row in rows.items():
        assert all(f"`${each}`" in row for each in PLACEHOLDERS[name])


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_a_users_file_replaces_the_shipped_one_and_only_that(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\nMine.\n", encoding="utf-8")
    mine, shipped = Prompts.load(tmp_path), Prompts.load()
    assert "Mine." in RENDER[name](mine)
    assert "Mine." not in RENDER[name](shipped)
    changed = {each for each, render in RENDER.items() if render(mine) != render(shipped)}
    assert changed - SYSTEM_PARTS == {name} - SYSTEM_PARTS


def test_system_prompt_tells_of_packages_only_where_there_are_some() -> None:
    none, some = Prompts.load(), Prompts.load().naming(("attrs 26.1.0", "bs4 $4 {x}"))
    library = "with the standard library"
    given = some.system(sub_calls="nodes", max_observation_chars=4321)
    assert f"{library} and attrs 26.1.0, bs4 $4 {{x}}. No network" in given
    assert f"{library}. No network" in _system("nodes")
    assert none.naming(()).leaf() == some.leaf()


def test_values_are_put_in_as_they_are() -> None:
    hostile = "$query ${context} $$ {x} $ 5"
    prompts = Prompts.load()
    assert hostile in prompts.first(query=hostile, context=hostile, iterations=3)
    assert hostile in prompts.observation(observation=hostile, iteration=1, iterations=3)


def test_values_are_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "first.md").write_text("$query|$context|$iterations", encoding="utf-8")
    (tmp_path / "iteration.md").write_text("$iteration|$iterations|$observation", encoding="utf-8")
    prompts = Prompts.load(tmp_path)
    assert prompts.first(query="q", context="c", iterations=9) == "q|c|9"
    assert prompts.observation(observation="o", iteration=2, iterations=9) == "2|9|o"


def test_dollars_and_braces_of_a_users_file_come_through(tmp_path: Path) -> None:
    (tmp_path / "leaf.md").write_text('It costs $$5: {"a": {b}} {{c}}', encoding="utf-8")
    assert Prompts.load(tmp_path).leaf() == 'It costs $5: {"a": {b}} {{c}}'


def test_files_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "leaf.md"
    path.write_text("before", encoding="utf-8")
    prompts = Prompts.load(tmp_path)
    path.write_text("after", encoding="utf-8")
    assert prompts.leaf() == "before"


def test_unknown_placeholder_is_an_error_that_names_file_and_placeholder(tmp_path: Path) -> None:
    path = tmp_path / "first.md"
    path.write_text("$query $contxt", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Prompts.load(tmp_path)
    assert str(caught.value) == (
        f"Cannot use the prompt {str(path)!r}: "
        "it has the placeholder $contxt, the known are: $context, $iterations, $query"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"costs $5", "a lone $"),
        (b"costs $", "a lone $"),
        (b"${query", "a lone $"),
        (b"\xff", "codec"),
    ],
)
def test_broken_file_is_an_error_that_names_it(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "first.md"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Prompts.load(tmp_path)
    assert repr(str(path)) in str(caught.value)
    assert message in str(caught.value)


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "leaf.md").mkdir()
    with pytest.raises(ConfigError, match="Cannot read the prompt .*leaf"):
        Prompts.load(tmp_path)


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot load prompts: .*nowhere' is not a folder"):
        Prompts.load(tmp_path / "nowhere")


@pytest.mark.parametrize("sub_calls", SUB_CALLS)
def test_system_prompt_is_short(sub_calls: SubCalls) -> None:
    # English and code come to about four characters a token
    assert len(_system(sub_calls)) < 6_000


@pytest.mark.parametrize("sub_calls", SUB_CALLS)
def test_system_prompt_names_what_there_is(sub_calls: SubCalls) -> None:
    prompt = _system(sub_calls)
    assert "4321" in prompt
    for name in ("`context`", "`query`", "`FINAL(", "`FINAL_VAR(", "`SHOW_VARS()`", "`limits()`"):
        assert name in prompt
    has_sub_calls = sub_calls != "none"
    for name in ("llm_query", "llm_query_batched", "LLMQueryError", "sub-call"):
        assert (name in prompt) is has_sub_calls
    assert ("recursive" in prompt) is (sub_calls == "nodes")


@pytest.mark.parametrize("sub_calls", SUB_CALLS)
def test_examples_are_read_as_code_and_compile(sub_calls: SubCalls) -> None:
    blocks = parse_reply(_system(sub_calls)).blocks
    assert len(blocks) in (2, 3)
    for block in blocks:
        compile(block, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", ["first.md", "iteration.md", "last_iteration.md", "reminder.md"])
def test_a_message_that_a_model_repeats_is_neither_code_nor_answer(name: str) -> None:
    reply = parse_reply(RENDER[name](Prompts.load()))
    assert (reply.blocks, reply.final) == ((), None)
