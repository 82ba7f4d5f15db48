"""Times and sizes, as typed and as shown."""

from __future__ import annotations

import click
import pytest

from rlm_runtime._cli.quantities import describe_size, read_size

CONTEXT = click.Context(click.Command("x"))
OPTION = click.Option(["--size"])


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("12B", 12),
        ("1.5kB", 1500),
        ("500 MB", 500_000_000),
        ("2g", 2_000_000_000),
        ("1KiB", 1024),
        ("1tib", 2**40),
    ],
)
def test_size_is_read(text: str, size: int) -> None:
    assert read_size(CONTEXT, OPTION, text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1iB", "1 000", "1e9", "nan", "１GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no size"):
        read_size(CONTEXT, OPTION, text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_345, "12.3 kB"),
        (999_900, "1 MB"),
        (1_234_567_890, "1.23 GB"),
        (45 * 10**12, "45.0 TB"),
        (10**18, "1,000,000.0 TB"),
    ],
)
def test_size_is_shown(size: int, text: str) -> None:
    assert describe_size(size) == text
