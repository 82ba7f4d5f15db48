"""Says to the host what a file holds, line by line in hex: the first at once, each other one when a
frame has come; then waits until stdin ends. The file is `lines` in the folder named last.
"""

import sys
from pathlib import Path


def hear() -> None:
    sizes = []
    while line := sys.stdin.buffer.readline().strip():
        sizes.append(int(line.split(b":")[1]))
    for size in sizes:
        sys.stdin.buffer.read(size)


for number, said in enumerate(Path(sys.argv[-1], "lines").read_text().splitlines()):
    if number:
        hear()
    sys.stdout.buffer.write(bytes.fromhex(said))
    sys.stdout.flush()
sys.stdin.buffer.read()
