"""Says the first line of the file `lines` (in hex, in the folder named last), says all the others
when a frame has come, and exits.
"""

import sys
from pathlib import Path

first, *rest = Path(sys.argv[-1], "lines").read_text().splitlines()
sys.stdout.buffer.write(bytes.fromhex(first))
sys.stdout.flush()
sys.stdin.buffer.readline()
try:
    for said in rest:
        sys.stdout.buffer.write(bytes.fromhex(said))
    sys.stdout.flush()
except BrokenPipeError:
    # The host has heard enough
    sys.stdout = None
