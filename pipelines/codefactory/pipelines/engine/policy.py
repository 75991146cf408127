"""How a step is attempted: when, how often, for how long, and what happens when it fails."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .errors import Category

RETRYABLE: frozenset[Category] = frozenset({"transient", "rate_limited", "timeout"})


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter: before attempt n+1, wait a random time in [0, base · 2ⁿ⁻¹], capped.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 1
    """All attempts, the first included."""
    on: frozenset[Category] = RETRYABLE
    base_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(self, attempt: int, retry_after_s: float | None = None, rng: random.Random | None = None) -> float:
        """Seconds to wait after `attempt` (1-based) failed. A server's Retry-After is a lower bound."""
        ceiling = min(self.cap_s, self.base_s * 2 ** min(attempt - 1, 30))
        drawn = (rng or random).uniform(0.0, ceiling)
        return drawn if retry_after_s is None else max(retry_after_s, drawn)


@dataclass(frozen=True, slots=True)
class OnError:
    """What takes the place of a failed step's output. Without one, the run fails."""

    default: Any = None
    fallback: str | None = None
    """The step that is run instead; `default` is used where this is None."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    ttl_s: float | None = None
    """None: until invalidated or pushed out by newer results."""
    depends_on: tuple[str, ...] = ()
    """Files whose content is part of the key."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything about a step that is not what it does."""

    when: Callable[[Any], bool] | None = None
    """Given the scope; a false answer skips the step."""
    join: Literal["all", "any"] = "all"
    """Whether all, or any, of the steps before must have run rather than been skipped."""
    retry: Retry = field(default_factory=Retry)
    timeout_s: float | None = None
    """For each attempt."""
    on_error: OnError | None = None
    cache: CachePolicy | None = None
    resource: str | None = None
    """What a circuit breaker watches: a host, a model."""
    rerun: bool = True
    """Whether an attempt that a crash interrupted may be made again. False: resume asks."""

    @property
    def plain(self) -> bool:
        return self == _PLAIN


_PLAIN = Policy()
