"""Writes what is no frame to stdout after a word on stderr, and lives on until stdin ends."""

import sys

sys.stderr.write("warming up\n")
sys.stderr.flush()
sys.stdout.write("Loading...\n")
sys.stdout.flush()
sys.stdin.read()
