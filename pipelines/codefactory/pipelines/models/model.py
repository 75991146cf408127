"""The `Model` protocol and its vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence


Role = Literal["nlp", "code", "qa", "improve", "chat"]
"""The job that a model is asked to do."""

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider says was used. None means that it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    """US dollars; None when the price is unknown."""

    def __add__(self, other: Usage) -> Usage:
        """Unknown plus anything is unknown."""
        return Usage(
            _plus(self.input_tokens, other.input_tokens),
            _plus(self.output_tokens, other.output_tokens),
            _plus(self.cost_usd, other.cost_usd),
        )

    @property
    def total_tokens(self) -> int | None:
        return _plus(self.input_tokens, self.output_tokens)


NO_USAGE = Usage(0, 0, 0.0)


def _plus(a: _Number | None, b: _Number | None) -> _Number | None:
    return None if a is None or b is None else a + b


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed reply. The last one may carry the usage and nothing else."""

    text: str
    usage: Usage | None = None
    truncated: bool = False
    """Whether the reply ends here because it reached `max_output_tokens`."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token."""

    input_usd: float
    output_usd: float
    cached_input_usd: float | None = None
    """For input that the provider had in its cache; None: as other input."""
    cache_write_usd: float | None = None
    """For input that the provider puts into its cache; None: as other input."""
    tiers: tuple[tuple[int, Price], ...] = ()
    """For requests with more input tokens than the number, ascending: another price for the whole request."""
    source: str = ""
    """Where the price is from, for people: "litellm 1.110.2, 2026-11-27", "your settings"."""

    def of(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """`cached_tokens`: those of the input tokens that came from the provider's cache."""
        price = self._tier(input_tokens)
        cached_input_usd = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
        fresh = price.input_usd * (input_tokens - cached_tokens)
        return fresh + cached_input_usd * cached_tokens + price.output_usd * output_tokens

    def at_most(self, input_tokens: int, output_tokens: int) -> float:
        """As `of`, with everything newly put into the cache where that is dearer."""
        price = self._tier(input_tokens)
        return max(price.input_usd, price.cache_write_usd or 0.0) * input_tokens + price.output_usd * output_tokens

    def output_usd_after(self, input_tokens: int) -> float:
        """A token of the reply to a request of this size."""
        return self._tier(input_tokens).output_usd

    def _tier(self, input_tokens: int) -> Price:
        return next((p for above, p in reversed(self.tiers) if input_tokens > above), self)


ModelErrorCategory = Literal[
    "transient", "rate-limited", "timeout", "authentication", "context-length", "budget", "invalid", "fatal"
]


class ModelError(Exception):
    """A model could not answer. The message names the model, what happened and the remedy; never a key."""

    def __init__(self, category: ModelErrorCategory, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.category = category
        self.retry_after_s = retry_after_s


class Model(Protocol):
    """Something that completes text."""

    @property
    def name(self) -> str:
        """As the user wrote it, e.g. "openai/gpt-4o-mini"."""
        ...

    async def price(self) -> Price | None:
        """The list price, for an estimate before a call; None when unknown. No network."""
        ...

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_output_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Chunk]:
        """Stream one reply. Raises ModelError. Closing the generator or cancelling its task ends the request."""
        ...
