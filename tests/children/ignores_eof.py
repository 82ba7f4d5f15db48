"""Goes neither at the end of stdin nor at SIGTERM, and has a child that does the same."""

import os
import signal
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
sys.stdout.write("deaf\n")
sys.stdout.flush()
while True:
    time.sleep(60)
