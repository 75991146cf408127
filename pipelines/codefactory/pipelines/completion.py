"""`complete()`: one question to a model, within a budget and on record."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .models import ModelError, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .budget import Spending
    from .models import Message, Model, Role


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole reply."""

    text: str
    usage: Usage
    truncated: bool
    """Whether it ends because it reached the limit of its length."""


async def complete(
    model: Model,
    messages: Sequence[Message],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = 4096,
    temperature: float = 0.0,
    report: Callable[[str], None] = lambda _: None,
) -> Completion:
    """Ask once and wait for the whole reply; `report` is given each piece of it as it comes.

    Raises ModelError, of category "budget" where a limit of `spending` is in the way, before or during the call.
    Cancelling the task ends the request. The ledger has an entry in every case in which something was sent.
    """
    price = await model.price()
    with await spending.admit(model.name, role, messages, max_output_tokens, price) as reservation:
        pieces: list[str] = []
        usage, truncated = Usage(), False
        stream = model.complete(messages, max_output_tokens=reservation.max_output_tokens, temperature=temperature)
        try:
            async with asyncio.timeout(spending.seconds_left), aclosing(stream) as chunks:
                async for chunk in chunks:
                    pieces.append(chunk.text)
                    truncated = truncated or chunk.truncated
                    usage = chunk.usage or usage
                    if chunk.text:
                        report(chunk.text)
        except TimeoutError:
            reservation.settle(Usage(), "cancelled")
            raise ModelError("budget", spending.exceeded() or "The time is up.") from None
        reservation.settle(usage)
    return Completion("".join(pieces), usage, truncated)
