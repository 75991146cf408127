"""What the kernel does not bound for a whole tree of processes, looked at again and again while it runs."""

from __future__ import annotations

import asyncio
import os
import shutil
from time import monotonic, time
from typing import TYPE_CHECKING

from .process_tree import proportional_memory, usage

if TYPE_CHECKING:
    from pathlib import Path

    from .sandbox import Limit, Prepared, Request

_FIRST_S = 0.015
_EVERY_S = 0.05
_WALK_AGAIN = 20
"""A walk over the writable folders is paused for so many times as long as it took."""


class Watch:
    """`until_exceeded` returns the limit that the tree below a process has passed."""

    def __init__(self, request: Request, prepared: Prepared) -> None:
        self._limits = request.limits
        self._disks = [_Disk(request.write, request.limits.disk_bytes)]
        if prepared.temporary is not None:
            self._disks.append(_Disk((prepared.temporary,), request.limits.temporary_bytes))
        self.cpu_s = 0.0
        """Used so far, as seen last."""

    async def until_exceeded(self, pid: int) -> Limit:
        await asyncio.sleep(_FIRST_S)
        while True:
            if (found := await self._exceeded(pid)) is not None:
                return found
            await asyncio.sleep(_EVERY_S)

    async def _exceeded(self, pid: int) -> Limit | None:
        limits = self._limits
        now = usage(pid, most=4 * limits.processes + 16)
        self.cpu_s = max(self.cpu_s, now.cpu_s)
        if now.processes > limits.processes + _OF_OURS:
            return "processes"
        if self.cpu_s > limits.cpu_s:
            return "cpu"
        if now.memory_bytes > limits.memory_bytes:
            exact = await asyncio.to_thread(proportional_memory, pid)
            if exact is None or exact > limits.memory_bytes:
                return "memory"
        for disk in self._disks:
            if await disk.exceeded():
                return "disk"
        return None


_OF_OURS = 3
"""The sandbox's own processes below the one that we start."""


class _Disk:
    """How much the files hold that have been written. They are looked for once the file system has lost that much."""

    def __init__(self, folders: tuple[Path, ...], limit: int) -> None:
        self._limit = limit
        self._free = {folder: _free(folder) for folder in folders}
        self._since = time()
        self._not_before = 0.0

    async def exceeded(self) -> bool:
        lost = sum(max(0, free - _free(folder)) for folder, free in self._free.items())
        if lost < self._limit // 2 or monotonic() < self._not_before:
            return False
        started = monotonic()
        size = await asyncio.to_thread(lambda: sum(_written(folder, self._since) for folder in self._free))
        self._not_before = monotonic() + _WALK_AGAIN * (monotonic() - started)
        return size > self._limit


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _written(folder: Path, since: float) -> int:
    """Bytes of the files below `folder` that were changed since."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(base, name))  # noqa: PTH118 many of them
            except OSError:
                continue
            if found.st_ctime >= since - 1:
                total += found.st_blocks * 512
    return total
