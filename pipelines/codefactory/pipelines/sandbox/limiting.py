"""Bounds that the kernel keeps for each process, set by the shell that becomes the program."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sandbox import Limits

_SHELL = "/bin/sh"


def limited(arguments: Sequence[str], limits: Limits, processes: int | None = None) -> tuple[str, ...]:
    """The command, bounded. `processes`: how many its user may have; None: as many as the limits say.

    A bound that cannot be set is there already and lower. -p is how dash counts processes, -u how bash does. macOS
    cannot bound memory so.
    """
    seconds = math.ceil(limits.cpu_s)
    bounds = [
        "-c 0",
        f"-S -t {seconds}",
        f"-H -t {seconds + 1}",
        f"-f {math.ceil(limits.file_bytes / 512)}",
        f"-n {limits.open_files}",
    ]
    if sys.platform != "darwin":
        bounds.append(f"-d {math.ceil(limits.memory_bytes / 1024)}")
    most = limits.processes if processes is None else processes
    script = "".join(f"ulimit {bound} 2>/dev/null; " for bound in bounds)
    script += f"{{ ulimit -p {most} || ulimit -u {most}; }} 2>/dev/null; "
    return (_SHELL, "-c", f'{script}exec "$@"', "sh", *arguments)


def beside_others(limits: Limits) -> int:
    """How many processes the user may have so that the program has its own, where all of the user's are counted."""
    user, threads = os.getuid(), 0
    try:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    if entry.stat().st_uid == user:
                        threads += len(os.listdir(f"{entry.path}/task"))  # noqa: PTH208 names only
                except OSError:
                    continue
    except OSError:
        return 4096 + limits.processes
    return threads + limits.processes


def shell_is_there() -> bool:
    return Path(_SHELL).exists()
