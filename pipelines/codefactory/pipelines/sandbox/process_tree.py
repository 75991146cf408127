"""The processes below one: what they use, and their end. Empty where there is no /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Usage:
    processes: int
    memory_bytes: int
    """Resident, shared pages counted once for each that has them."""
    cpu_s: float
    """Of the living and of those they have waited for."""


def descendants(pid: int, most: int = 100_000) -> list[int]:
    """The nearest first; stops looking at `most`."""
    found: list[int] = []
    queue = [pid]
    while queue and len(found) < most:
        parent = queue.pop(0)
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 names only
                below = _children(parent, thread)
                found += below
                queue += below
    return found


def _children(pid: int, thread: str) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split()]
    except (OSError, ValueError):
        return []


def usage(pid: int, most: int) -> Usage:
    """Of everything below `pid`."""
    below = descendants(pid, most)
    memory, ticks = 0, 0
    for process in below:
        try:
            fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
            memory += int(fields[21]) * _PAGE
        except (OSError, ValueError, IndexError):
            continue
    return Usage(len(below), memory, ticks / _TICKS)


def proportional_memory(pid: int) -> int | None:
    """Bytes, each shared page divided by those that have it. None where the kernel does not tell."""
    total = 0
    for process in descendants(pid):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_bytes()
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(b"Pss:"))
    return total


def end_below(pid: int) -> None:
    """SIGKILL everything below `pid`, again until nothing is left: who forks meanwhile is found the next time.

    `pid` itself goes on, so that it can wait for its children and none is left a zombie. Blocks for 2 s at most.
    """
    deadline = monotonic() + _PATIENCE_S
    while (living := [p for p in descendants(pid) if _alive(p)]) and monotonic() < deadline:
        for process in living:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        sleep(0.002)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return False
