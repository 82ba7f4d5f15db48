"""What a caller says of a model is checked where he says it."""

from __future__ import annotations

import math

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._models import Model, Price


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["prompt", "completion", "cached"])
def test_a_price_that_no_limit_could_rest_on_is_refused(name: str, rate: float) -> None:
    rates = {"prompt": 1.0, "completion": 2.0, name: rate}
    with pytest.raises(ConfigError, match=f"Cannot set the price '{name}'"):
        Price(**rates)  # type: ignore[arg-type]  # its other members are not given


@pytest.mark.parametrize("name", ["max_completion_tokens", "context_tokens"])
def test_a_size_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"Cannot set {name} of 'm' to 0"):
        Model("m", **{name: 0})  # type: ignore[arg-type]  # its other settings are not given


def test_what_may_hold_a_key_is_not_shown() -> None:
    model = Model("m", api_key="sk-secret", extra={"aws_secret_access_key": "sk-secret"})
    assert "sk-secret" not in repr(model)
