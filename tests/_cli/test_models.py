"""Names of models become what the library takes."""

from __future__ import annotations

import pytest

from rlm_runtime._cli.models import resolve_model
from rlm_runtime._errors import ConfigError
from rlm_runtime.examples import policies


@pytest.mark.parametrize("name", ["openai/gpt-5", "qwen3", "my-scripted/model"])
def test_name_of_a_real_model_stays(name: str) -> None:
    assert resolve_model(name) == name


def test_scripted_model_says_what_it_is() -> None:
    for name in policies():
        model = resolve_model(f"scripted/{name}")
        assert not isinstance(model, str)
        assert model.name == f"scripted/{name}"


def test_unknown_scripted_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="Cannot use model 'scripted/none': .*letter_counts"):
        resolve_model("scripted/none")
