"""How much memory a new process can have."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Of the machine, and of this container where it is limited; None where the system does not tell."""
    known = [count for count in (_of_machine(), _of_container()) if count is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _of_container() -> int | None:
    """What cgroup v2 leaves; pages of files that can be dropped do not count as used."""
    try:
        limit, used = int(_read("memory.max")), int(_read("memory.current"))
        droppable = next(int(s.split()[1]) for s in _read("memory.stat").splitlines() if s.startswith("inactive_file "))
    except (OSError, ValueError, StopIteration):  # "max" is no number: there is no limit
        return None
    return max(0, limit - used + droppable)


def _read(name: str) -> str:
    return (_CGROUP / name).read_text("ascii").strip()
