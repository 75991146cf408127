"""`Cancellation`: how a caller on another thread ends work, the work's child processes included."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class CancelledError(Exception):
    """The caller cancelled the work. Not an error of the work itself."""


class Cancellation:
    """A flag that can be set once, from any thread, and calls back whoever must act on it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise CancelledError

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Generator[None]:
        """Call `callback` if cancelled while the block runs; raises CancelledError when it is too late already."""
        with self._lock:
            if self._cancelled:
                raise CancelledError
            self._callbacks.append(callback)
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)
