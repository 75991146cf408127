"""Who executes a run: the process, and whether it still lives. A run of a dead process may be resumed by any other."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from time import time

STALE_S = 60.0
"""On another host, a worker that has not been heard of for this long is dead."""


@dataclass(frozen=True, slots=True)
class Owner:
    id: str
    pid: int
    host: str
    born: str
    """When the process started, in the system's own unit: process numbers are used again."""
    beat: float

    @property
    def alive(self) -> bool:
        # On Windows, os.kill would end the process that it is to ask about.
        if self.host != socket.gethostname() or os.name == "nt":
            return time() - self.beat < STALE_S
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return born(self.pid) == self.born


def born(pid: int) -> str:
    """Field 22 of /proc/PID/stat, after the name in parentheses; empty where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    # A zombie is dead to us: it only waits for its parent.
    return "" if fields[0] == "Z" else fields[19]


def this_process(identity: str) -> Owner:
    return Owner(identity, os.getpid(), socket.gethostname(), born(os.getpid()), time())
