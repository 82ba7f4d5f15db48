"""Run every measurement."""

from __future__ import annotations

from benchmarks import (
    completions,
    crashes,
    export_html,
    fan_out,
    large_values,
    limits,
    many_nodes,
    rate_limit,
    sandbox,
    stable_prefix,
    start_up,
    stdlib_question,
    stopping,
    tracing,
    viewer,
)

for module in (
    start_up,
    completions,
    sandbox,
    stable_prefix,
    rate_limit,
    limits,
    stdlib_question,
    fan_out,
    many_nodes,
    large_values,
    stopping,
    tracing,
    crashes,
    export_html,
    viewer,
):
    module.measure()
