"""The templates: what they may contain, how a user replaces them, what they say."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from string import Template

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._families import FAMILIES
from rlm_runtime._parsing import parse_reply
from rlm_runtime._paths import data_dir
from rlm_runtime._prompts import PLACEHOLDERS, Prompts, SubCalls

SUB_CALLS: tuple[SubCalls, ...] = ("nodes", "completions", "none")
FAMILY_FILES = sorted(data_dir("prompts").glob("families/*/*.md"))


def _render_system(prompts: Prompts, sub_calls: SubCalls = "none") -> str:
    return prompts.system(sub_calls=sub_calls, max_observation_chars=4321)


RENDER: dict[str, Callable[[Prompts], str]] = {
    "system.md": _render_system,
    "sub_calls_nodes.md": lambda p: _render_system(p, "nodes"),
    "sub_calls_completions.md": lambda p: _render_system(p, "completions"),
    "sub_calls_none.md": _render_system,
    "tools.md": lambda p: p.system(
        sub_calls="none", max_observation_chars=1, tools=p.tools("- `search()`")
    ),
    "models.md": lambda p: _render_system(p.naming((), ("fast",)), "nodes"),
    "family.md": _render_system,
    "family_sub_calls.md": lambda p: _render_system(p, "nodes"),
    "leaf.md": Prompts.leaf,
    "leaf_schema.md": lambda p: p.leaf_schema(schema="s"),
    "leaf_mismatch.md": lambda p: p.leaf_mismatch(faults="f"),
    "leaf_continue.md": Prompts.leaf_continue,
    "answer_type.md": lambda p: p.first(query="q", context="c", iterations=1, schema="s"),
    "first.md": lambda p: p.first(query="q", context="c", iterations=1),
    "iteration.md": lambda p: p.observation(observation="o", iteration=1, iterations=2),
    "last_iteration.md": Prompts.last_iteration,
    "reminder.md": Prompts.reminder,
    "direct.md": Prompts.direct,
    "direct_first.md": lambda p: p.direct_first(query="q", context="c"),
    "reminder_cut.md": lambda p: p.reminder("cut", tokens=9),
    "reminder_empty.md": lambda p: p.reminder("empty"),
    "reminder_filtered.md": lambda p: p.reminder("filtered"),
    "reminder_thoughts.md": lambda p: p.reminder("thoughts"),
    "reminder_tool_call.md": lambda p: p.reminder("tool_call"),
    "repetition.md": Prompts.repetition,
    "said.md": lambda p: p.said("more"),
    "trimmed.md": Prompts.trimmed,
    "trimmed_message.md": lambda p: p.trimmed_message(characters=1, what="your reply", reply=2),
}

SYSTEM_PARTS = {
    "system.md",
    "tools.md",
    "models.md",
    "family.md",
    "family_sub_calls.md",
    *(f"sub_calls_{each}.md" for each in SUB_CALLS),
}
# What is rendered in others changes them as well
PARTS = SYSTEM_PARTS | {"first.md", "answer_type.md"}


def _system(sub_calls: SubCalls, model: str = "") -> str:
    return _render_system(Prompts.load().for_model(model), sub_calls)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_shipped_template_has_exactly_its_placeholders(name: str) -> None:
    _check_template(data_dir("prompts") / name)


@pytest.mark.parametrize("path", FAMILY_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_file_of_a_family_replaces_a_template(path: Path) -> None:
    assert path.parent.name in FAMILIES
    _check_template(path)


def _check_template(path: Path) -> None:
    name, template = path.name, Template(path.read_text(encoding="utf-8"))
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
    assert changed - PARTS == {name} - PARTS


def test_system_prompt_tells_of_packages_only_where_there_are_some() -> None:
    none, some = Prompts.load(), Prompts.load().naming(("attrs 26.1.0", "bs4 $4 {x}"))
    library = "with the standard library"
    given = _render_system(some, "nodes")
    assert f"{library} and attrs 26.1.0, bs4 $4 {{x}}. No network" in given
    assert f"{library}. No network" in _system("nodes")
    assert none.naming(()).leaf() == some.leaf()


def test_system_prompt_tells_of_tools_only_where_there_are_some() -> None:
    prompts = Prompts.load()
    section = prompts.tools("- `await search(q: str)`: Costs $4 {x}.")
    given = prompts.system(sub_calls="nodes", max_observation_chars=4321, tools=section)
    assert "\n\n# Tools\n\n" in given and "- `await search(q: str)`: Costs $4 {x}.\n" in given
    assert given.replace(f"{section}\n\n", "") == _system("nodes")
    assert "ToolError" in given and "ToolError" not in _system("nodes")


def test_values_are_put_in_as_they_are() -> None:
    hostile = "$query ${context} $$ {x} $ 5"
    prompts = Prompts.load()
    assert hostile in prompts.first(query=hostile, context=hostile, iterations=3)
    assert hostile in prompts.observation(observation=hostile, iteration=1, iterations=3)


def test_values_are_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "first.md").write_text("$query|$context|$iterations", encoding="utf-8")
    form = "$iteration|$iterations|$observation|$limits"
    (tmp_path / "iteration.md").write_text(form, encoding="utf-8")
    prompts = Prompts.load(tmp_path)
    assert prompts.first(query="q", context="c", iterations=9) == "q|c|9"
    shown = prompts.observation(observation="o", iteration=2, iterations=9, limits="Left: 1 call.")
    assert shown == "2|9|o|Left: 1 call."


def test_an_observation_without_limits_has_no_empty_end() -> None:
    shown = Prompts.load().observation(observation="o ", iteration=2, iterations=9)
    assert shown == "Output of reply 2 of 9:\n\no "


def test_dollars_and_braces_of_a_users_file_come_through(tmp_path: Path) -> None:
    (tmp_path / "leaf.md").write_text('It costs $$5: {"a": {b}} {{c}}', encoding="utf-8")
    assert Prompts.load(tmp_path).leaf() == 'It costs $5: {"a": {b}} {{c}}'


def test_a_first_message_tells_the_schema_of_an_answer_that_has_one() -> None:
    prompts = Prompts.load()
    plain = prompts.first(query="q", context="c", iterations=3)
    typed = prompts.first(query="q", context="c", iterations=3, schema='{"$ref": "#"}')
    assert "schema" not in plain and "\n\n\n" not in plain
    assert '{"$ref": "#"}' in typed and typed.index("# Context") < typed.index("# Answer")


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
        "it has the placeholder $contxt, the known are: "
        "$answer_type, $context, $iterations, $query"
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


@pytest.mark.parametrize("model", ["", "qwen3-coder", "llama-3.1-8b"])
@pytest.mark.parametrize("sub_calls", SUB_CALLS)
def test_system_prompt_is_short(sub_calls: SubCalls, model: str) -> None:
    prompts = Prompts.load().naming(("attrs 26.1.0",), ("fast", "strong")).for_model(model)
    # o200k makes a token of 3.85 of these characters, an older vocabulary of fewer
    assert len(_render_system(prompts, sub_calls)) / 3.6 < 2_500


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


@pytest.mark.parametrize("model", ["", "qwen3-coder", "llama-3.1-8b"])
@pytest.mark.parametrize(("sub_calls", "examples"), [("nodes", 6), ("completions", 6), ("none", 3)])
def test_examples_are_read_as_code_and_compile(
    sub_calls: SubCalls, examples: int, model: str
) -> None:
    blocks = parse_reply(_system(sub_calls, model)).blocks
    assert len(blocks) == examples + (model == "llama-3.1-8b")
    for block in blocks:
        compile(block, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_aliases_are_named_where_there_are_some_and_sub_calls_take_them() -> None:
    some = Prompts.load().naming((), ("fast", "strong"))
    for kind in SUB_CALLS:
        assert ('there are: "fast", "strong".' in _render_system(some, kind)) is (kind != "none")
        assert "model=" not in _system(kind)


def test_tools_are_a_section_of_their_own() -> None:
    prompts = Prompts.load()
    given = prompts.system(sub_calls="none", max_observation_chars=1, tools="# Tools\n\n$x {y}")
    assert "\n\n# Tools\n\n$x {y}\n\n# Reading" in given
    assert "Tools" not in _system("none")


@pytest.mark.parametrize("model", ["", "qwen3-coder", "llama-3.1-8b"])
@pytest.mark.parametrize("sub_calls", SUB_CALLS)
def test_what_is_not_there_leaves_no_gap(sub_calls: SubCalls, model: str) -> None:
    prompt = _system(sub_calls, model)
    assert "\n\n\n" not in prompt and prompt == prompt.strip()


def test_a_family_hears_its_own_words() -> None:
    plain, qwen, small = (_system("nodes", name) for name in ("gpt-5", "qwen3-coder", "qwen3:8b"))
    assert ("IMPORTANT" in plain, "IMPORTANT" in qwen, "IMPORTANT" in small) == (False, True, False)
    assert small.startswith(plain) and len(small) > len(plain)
    # Where there are no sub-calls, nothing warns of them
    assert _system("none", "qwen3-coder") == _system("none", "gpt-5")


def test_the_more_particular_file_wins_and_a_users_before_a_shipped_one(tmp_path: Path) -> None:
    def heard(model: str) -> str:
        return (
            Prompts.load(tmp_path)
            .for_model(model)
            .system(sub_calls="none", max_observation_chars=1)
        )

    shipped_small = heard("qwen3:8b").rpartition("\n")[2]
    (tmp_path / "system.md").write_text("Mine.$family")
    assert (heard("gpt-5"), heard("qwen3:8b")[:5]) == ("Mine.", "Mine.")
    assert heard("qwen3:8b").endswith(shipped_small)
    (tmp_path / "family.md").write_text("All.")
    assert heard("gpt-5") == heard("qwen3:8b") == "Mine.\n\nAll."
    small = tmp_path / "families" / "small"
    small.mkdir(parents=True)
    (small / "family.md").write_text("Small.")
    assert (heard("gpt-5"), heard("qwen3:8b")) == ("Mine.\n\nAll.", "Mine.\n\nSmall.")
    (small / "system.md").write_text("Just this.")
    assert (heard("gpt-5"), heard("qwen3:8b")) == ("Mine.\n\nAll.", "Just this.")


def test_a_family_that_nobody_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "families" / "qwen").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        Prompts.load(tmp_path)
    assert str(caught.value) == (
        "Cannot load prompts: there is no family 'qwen', the known are: qwen3-coder, small"
    )


def test_a_broken_file_of_a_family_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "families" / "small" / "leaf.md"
    path.parent.mkdir(parents=True)
    path.write_text("$query")
    with pytest.raises(ConfigError, match="families/small/leaf.md': it has the placeholder"):
        Prompts.load(tmp_path)


@pytest.mark.parametrize("name", sorted(RENDER.keys() - SYSTEM_PARTS - {"leaf.md"}))
def test_a_message_that_a_model_repeats_is_neither_code_nor_answer(name: str) -> None:
    reply = parse_reply(RENDER[name](Prompts.load()))
    assert (reply.blocks, reply.final) == ((), None)
