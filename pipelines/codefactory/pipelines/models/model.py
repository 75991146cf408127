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

    def of(self, input_tokens: int, output_tokens: int) -> float:
        return self.input_usd * input_tokens + self.output_usd * output_tokens


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
