"""Writes 8 MB to stderr, says so on stdout, and goes when stdin ends."""

import sys

for number in range(80_000):
    sys.stderr.write(f"{number:06} {'x' * 92}\n")
sys.stderr.write("letzte Wörter")
sys.stderr.flush()
sys.stdout.write("done\n")
sys.stdout.flush()
sys.stdin.read()
