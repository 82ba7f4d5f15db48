"""Where the package's own files and the user's folders lie."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).parent


def data_dir(name: str) -> Path:
    """Find a folder that ships beside the code: `prompts` or `deno_sandbox`."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def package_file(name: str) -> Path:
    """Find a file inside of the package."""
    return _PACKAGE / name


def default_cache_dir() -> Path:
    """Name the user's cache folder, which may be deleted at any time."""
    return platformdirs.user_cache_path("rlm-pyodide", appauthor=False)


def default_trace_dir() -> Path:
    """Name the folder that holds one folder for each run."""
    return platformdirs.user_state_path("rlm-pyodide", appauthor=False) / "runs"


def default_viewer_settings() -> Path:
    """Name the user's settings of the viewer; the file need not be there."""
    return platformdirs.user_config_path("rlm-pyodide", appauthor=False) / "viewer.toml"
