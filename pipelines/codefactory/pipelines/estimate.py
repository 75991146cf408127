"""`estimate()`: what rounds with a model can take at most, and what that rests on, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .budget import estimate_tokens
from .models.prices import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .budget import Budget
    from .models import Message, Model, Price

FEEDBACK_TOKENS = 700
"""What a round after a refusal is longer by: the reply that was refused, shortened, and the reasons."""
MAX_OUTPUT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Estimate:
    """`model`: the one that can cost most, where there are several."""

    model: str
    price: Price | None
    rounds: int
    request_tokens: int
    """Of the first request: the prompt with its context."""
    max_tokens: int
    """In and out, all rounds together, capped by the budget."""
    max_usd: float | None
    """None when the price is unknown."""
    capped_by: str | None = None
    """The setting that holds it below what the rounds could take."""

    def __str__(self) -> str:
        usd = "at an unknown cost" if self.max_usd is None else f"up to ${self.max_usd:.4f}"
        capped = f", held by {self.capped_by}" if self.capped_by else ""
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        return (
            f"Up to {self.max_tokens:,} tokens, {usd}{capped}: up to {rounds} of {self.model}, the first request about "
            f"{self.request_tokens:,} tokens and each reply at most {MAX_OUTPUT_TOKENS:,}; {describe(self.price)}."
        )


@runtime_checkable
class Several(Protocol):
    """A model that is one of several."""

    async def dearest(self, input_tokens: int, output_tokens: int) -> tuple[str, Price | None]:
        """The one that a request of this size can cost most of; one whose price is unknown before all others."""
        ...


async def estimate(model: Model, messages: Sequence[Message], budget: Budget) -> Estimate:
    """For as many rounds as the budget allows, each no shorter than the first. No network. Raises ModelError."""
    request_tokens = estimate_tokens(messages)
    rounds = budget.max_rounds
    into = request_tokens * rounds + FEEDBACK_TOKENS * (rounds - 1)
    out = MAX_OUTPUT_TOKENS * rounds
    if isinstance(model, Several):
        name, price = await model.dearest(request_tokens, MAX_OUTPUT_TOKENS)
    else:
        name, price = model.name, await model.price()
    capped_by = None
    tokens = into + out
    if tokens > budget.max_tokens:
        tokens, capped_by = budget.max_tokens, f"codefactory.budget.maxTokens ({budget.max_tokens:,})"
        out = max(0, min(out, tokens - request_tokens))
        into = tokens - out
    usd = None if price is None else price.at_most(request_tokens, 0) / max(request_tokens, 1) * into
    if price is not None and usd is not None:
        usd += price.output_usd_after(request_tokens) * out
        if budget.max_usd is not None and usd > budget.max_usd:
            usd, capped_by = budget.max_usd, f"codefactory.budget.maxUsd (${budget.max_usd:g})"
    return Estimate(name, price, rounds, request_tokens, tokens, usd, capped_by)


def summed(estimates: Sequence[Estimate], budget_usd: float | None) -> str:
    """All of them in one sentence. `budget_usd`: what they may cost together."""
    tokens = sum(e.max_tokens for e in estimates)
    known = [e.max_usd for e in estimates if e.max_usd is not None]
    unknown = len(estimates) - len(known)
    usd = sum(known) if budget_usd is None else min(sum(known), budget_usd)
    said = f"Altogether up to {tokens:,} tokens"
    if known:
        said += f", up to ${usd:.4f}"
    if unknown:
        said += f"; the price is unknown for {unknown} of {len(estimates)}"
    return f"{said}."
