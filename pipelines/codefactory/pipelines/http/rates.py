"""So many requests a host, so often: one bucket a host, for all runs of this process."""

from __future__ import annotations

import asyncio
from time import monotonic
from weakref import WeakKeyDictionary

_Buckets = dict[tuple[str, float, float], "_Bucket"]
_MOST = 1000
_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Buckets] = WeakKeyDictionary()


class _Bucket:
    """Requests leave at a steady pace, after a first few at once."""

    def __init__(self, requests: float, per_s: float) -> None:
        self._interval_s = per_s / requests
        self._slack_s = per_s - self._interval_s
        self._next = monotonic()

    def delay_s(self) -> float:
        """Take the next place; seconds until it comes."""
        now = monotonic()
        place = max(self._next, now - self._slack_s)
        self._next = place + self._interval_s
        return max(0.0, place - now)


async def wait_for_turn(host: str, requests: float, per_s: float) -> None:
    """Return when another request may be sent to the host."""
    buckets = _of_loop.setdefault(asyncio.get_running_loop(), {})
    if len(buckets) >= _MOST:
        buckets.clear()
    bucket = buckets.setdefault((host, requests, per_s), _Bucket(requests, per_s))
    if (delay_s := bucket.delay_s()) > 0:
        await asyncio.sleep(delay_s)
