"""The `Model` protocol and its vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence


_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that stands beside a message's text."""

    media_type: str
    """E.g. "image/png"."""
    data: bytes = field(repr=False)
    """The file's content."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function that a model may ask to be called."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """A JSON schema of type "object"."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model wants called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it: it may be broken."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. Most are a role and a text."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message: what it asked for."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that `content` is the result of."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider says was used. None means that it did not say."""

    input_tokens: int | None = None
    """All of them, those from the provider's cache included."""
    output_tokens: int | None = None
    cost_usd: float | None = None
    """US dollars; None when the price is unknown."""
    cached_input_tokens: int | None = None
    """Those of `input_tokens` that the provider took from its cache."""
    unreported: int = 0
    """Requests behind this, failed tries mostly, that may have been billed and whose usage nobody reported."""

    def __add__(self, other: Usage) -> Usage:
        """Unknown plus anything is unknown."""
        return Usage(
            _plus(self.input_tokens, other.input_tokens),
            _plus(self.output_tokens, other.output_tokens),
            _plus(self.cost_usd, other.cost_usd),
            _plus(self.cached_input_tokens, other.cached_input_tokens),
            self.unreported + other.unreported,
        )

    @property
    def total_tokens(self) -> int | None:
        return _plus(self.input_tokens, self.output_tokens)


NO_USAGE = Usage(0, 0, 0.0, 0)


def _plus(a: _Number | None, b: _Number | None) -> _Number | None:
    return None if a is None or b is None else a + b


Finish = Literal["stop", "length", "tool-calls", "filtered"]
"""Why a reply ended: by itself, at `max_output_tokens`, to have tools called, or held back by the provider."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed reply. The last one may carry everything but text."""

    text: str
    usage: Usage | None = None
    finish: Finish | None = None
    """In the last chunk, where the provider says it."""
    tool_calls: tuple[ToolCall, ...] = ()
    """In the last chunk: all of the reply's, each one whole."""

    @property
    def truncated(self) -> bool:
        """Whether the reply ends here because it reached `max_output_tokens`."""
        return self.finish == "length"


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

    def cost_usd(self, usage: Usage) -> float | None:
        """None where the usage is unknown."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        return self.of(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens or 0)


class Options(TypedDict, total=False):
    """What `Model.complete` takes besides its length, for models that hand it on to another one:
    `def complete(self, messages, *, max_output_tokens: int, **options: Unpack[Options])`."""

    temperature: float
    stop: Sequence[str]
    tools: Sequence[ToolSpec]
    schema: Mapping[str, Any] | None
    seed: int | None


ModelErrorCategory = Literal[
    "transient", "rate-limited", "timeout", "authentication", "context-length", "budget", "invalid", "fatal"
]


_MAYBE_BILLED: frozenset[ModelErrorCategory] = frozenset({"transient", "timeout", "invalid"})
"""After these errors a provider may have computed, and may bill, what it did not deliver."""


class ModelError(Exception):
    """A model could not answer. The message names the model, what happened and the remedy; never a key.

    `unreported`: how many requests may have been billed without a report; None: judged by the category.
    """

    def __init__(
        self,
        category: ModelErrorCategory,
        message: str,
        retry_after_s: float | None = None,
        *,
        unreported: int | None = None,
    ) -> None:
        super().__init__(message)
        self.category: ModelErrorCategory = category
        self.retry_after_s = retry_after_s
        self.unreported: int = int(category in _MAYBE_BILLED) if unreported is None else unreported


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
        tools: Sequence[ToolSpec] = (),
        schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> AsyncGenerator[Chunk]:
        """Stream one reply. Raises ModelError. Closing the generator or cancelling its task ends the request.

        `schema`: a JSON schema that the reply shall follow. A provider that can holds the model to it, others do not:
        `complete_structured` validates. `seed`: for providers that take one. A model that cannot take `tools` or
        images raises ModelError("fatal").
        """
        ...
