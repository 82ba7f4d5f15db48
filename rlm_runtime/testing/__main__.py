"""Run the loopback server from a shell: `python -m rlm_runtime.testing --policy module:name`."""

from __future__ import annotations

import importlib
import json
import signal
from collections.abc import Mapping
from dataclasses import asdict

import anyio
import click

from rlm_runtime._llm.scripted import Policy
from rlm_runtime.testing.server import open_loopback_server


class _PolicyType(click.ParamType[Policy | Mapping[str, Policy]]):
    """A policy, or a mapping of policies by model, named as `module:name`."""

    name = "module:name"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Policy | Mapping[str, Policy]:
        module_name, _, name = str(value).partition(":")
        try:
            found: object = getattr(importlib.import_module(module_name), name)
        except (ImportError, AttributeError, ValueError) as exc:
            self.fail(f"Cannot load {value!r}: {exc}", param, ctx)
        if callable(found) or isinstance(found, Mapping):
            return found
        self.fail(f"Cannot use {value!r}: it is neither a function nor a mapping", param, ctx)


@click.command()
@click.option("--policy", type=_PolicyType(), required=True, help="The policy that replies.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free port.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, help="Seconds per reply.")
@click.option("--api-key", help="The bearer token that clients must send.")
def main(
    policy: Policy | Mapping[str, Policy], port: int, latency: float, api_key: str | None
) -> None:
    """Serve a Python policy as an OpenAI-compatible model until SIGINT or SIGTERM.

    Prints its URL first, and what it served as one line of JSON when it ends.
    """
    try:
        anyio.run(_serve, policy, port, latency, api_key)
    except OSError as exc:
        raise click.ClickException(f"Cannot listen on port {port}: {exc}") from exc


async def _serve(
    policy: Policy | Mapping[str, Policy], port: int, latency: float, api_key: str | None
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_loopback_server(
            policy, port=port, latency=latency, api_key=api_key
        ) as server:
            click.echo(f"listening on {server.base_url}")
            async for _ in signals:
                break
        click.echo(json.dumps(asdict(server.stats)))


if __name__ == "__main__":
    main()
