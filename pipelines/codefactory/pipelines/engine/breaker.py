"""Circuit breakers: after several failures in a row, a resource is left alone for a while, then tried once."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from .errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .errors import Category

COUNTED: frozenset[Category] = frozenset({"transient", "rate_limited", "timeout"})
"""Failures that say something about the resource; a wrong request says nothing."""


class Breaker:
    """Closed (calls pass) → open (calls are refused) → half-open (one call passes and decides)."""

    def __init__(
        self, resource: str, threshold: int = 5, open_s: float = 30.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self.resource = resource
        self._threshold = threshold
        self._open_s = open_s
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        if self._opened_at is None:
            return "closed"
        return "half-open" if self._clock() - self._opened_at >= self._open_s else "open"

    def admit(self) -> None:
        """Raises StepError (transient) while the resource is to be left alone."""
        if self._opened_at is None:
            return
        wait_s = self._open_s - (self._clock() - self._opened_at)
        if wait_s > 0 or self._probing:
            raise StepError(
                f"`{self.resource}` failed {self._failures} times in a row and is left alone "
                f"for {max(wait_s, 0):.0f} s",
                "transient",
                retry_after_s=max(wait_s, 0.05),
            )
        self._probing = True

    def succeeded(self) -> None:
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, category: Category) -> None:
        probed, self._probing = self._probing, False
        if category not in COUNTED:
            return
        if self._opened_at is not None and not probed:
            return
        self._failures += 1
        if probed or self._failures >= self._threshold:
            self._opened_at = self._clock()


class Breakers:
    """One breaker a resource, shared by all runs of an engine."""

    def __init__(self, threshold: int = 5, open_s: float = 30.0) -> None:
        self._threshold = threshold
        self._open_s = open_s
        self._breakers: dict[str, Breaker] = {}

    def of(self, resource: str) -> Breaker:
        if resource not in self._breakers:
            self._breakers[resource] = Breaker(resource, self._threshold, self._open_s)
        return self._breakers[resource]
