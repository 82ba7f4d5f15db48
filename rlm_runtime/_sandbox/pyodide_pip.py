"""Runs pip as if for the Python of a sandbox; a program of its own, whose first argument says it.

pip has options for the tags of wheels, but takes the markers of dependencies, such as
`; sys_platform == "emscripten"`, from the Python that runs it. So this changes what it takes them
from; pip's report names what it took, and whoever reads the report checks that.
"""

from __future__ import annotations

import json
import runpy
import sys

from pip._vendor.packaging import markers


def main() -> None:
    """Run pip with the rest of the arguments."""
    environment = markers.default_environment()
    environment.update(json.loads(sys.argv.pop(1)))
    markers.default_environment = lambda: environment
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
