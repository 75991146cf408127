"""Rate limits: a token bucket, the same for a number of requests and for a number of tokens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BURST_S = 10.0
"""What may be used at once is the allowance of this many seconds; with a minute's, a minute could see two."""


class Bucket:
    """Lets `per_minute` through, evenly, in the order in which it was asked. Thread-safe. `clock`: monotonic seconds.

    What is larger than the bucket passes when the bucket is full, and is paid off afterwards.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / 60
        self._size = max(1.0, self._rate * BURST_S)
        self._level = self._size
        self._clock = clock
        self._filled_at = clock()
        self._lock = threading.Lock()

    def wait_s(self, amount: float) -> float:
        """How long `take` would have to wait now."""
        with self._lock:
            return self._wait_s(amount)

    def take(self, amount: float) -> float:
        """Take it at once; gives the seconds to wait before it may be used. Who does not wait gives it back."""
        with self._lock:
            wait_s = self._wait_s(amount)
            self._level -= amount
            return wait_s

    def give_back(self, amount: float) -> None:
        """Not used after all. A negative amount: used in addition."""
        with self._lock:
            self._level = min(self._size, self._level + amount)

    def _wait_s(self, amount: float) -> float:
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        missing = min(amount, self._size) - self._level
        return missing / self._rate if missing > 0 else 0.0
