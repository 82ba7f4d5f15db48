"""Waits for a byte, then tells its limits, environment, folder, session and open files as JSON."""

import json
import os
import resource
import sys

sys.stdin.buffer.read(1)
told = {
    "data": resource.getrlimit(resource.RLIMIT_DATA),
    "fsize": resource.getrlimit(resource.RLIMIT_FSIZE),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "env": dict(os.environ),
    "cwd": os.getcwd(),
    "leads_session": os.getsid(0) == os.getpid(),
    "files": [number for number in range(3, 200) if os.path.exists(f"/proc/self/fd/{number}")],
}
sys.stdout.write(json.dumps(told) + "\n")
sys.stdout.flush()
