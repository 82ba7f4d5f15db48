"""Says why on stderr, and goes with status 3."""

import sys

sys.stderr.write("x" * 60_000 + "no licence")
raise SystemExit(3)
