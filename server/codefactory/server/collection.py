"""Python's cyclic garbage collector, held off while something large is built that has no cycles."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_lock = threading.Lock()
_holders = 0


@contextmanager
def uncollected(*, keep: bool = False) -> Generator[None]:
    """No collection meanwhile, in any thread; `keep`: nor ever of what exists at the end.

    A full collection walks all objects with every thread stopped: a second for the graph of 14,000 files. Reference
    counts free what the graph drops, so nothing of it waits for a collection.
    """
    global _holders
    with _lock:
        _holders += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if keep:
                gc.freeze()
            if not _holders:
                gc.enable()
