"""`AccountedModel`: a model whose calls are entered in the ledger, whoever makes them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

from codefactory.pipelines.budget import Budget, Spending, estimate_tokens
from codefactory.pipelines.models import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from codefactory.pipelines.models import Chunk, Message, Model, Options, Price, Role

    from .account import Account

UNLIMITED = Budget(max_rounds=1, max_tokens=10**15, max_usd=None, max_seconds=3600.0)
"""The limits are the account's; what else limits the caller is the caller's to keep."""


class AccountedModel:
    """See the `Model` protocol. Raises ModelError("budget") where a limit of the account is in the way."""

    def __init__(self, model: Model, account: Account, role: Role) -> None:
        self._model = model
        self._account = account
        self._role: Role = role

    @property
    def name(self) -> str:
        return self._model.name

    async def price(self) -> Price | None:
        return await self._model.price()

    def for_run(self, run: str) -> AccountedModel:
        """The same, with its calls entered under this run."""
        return AccountedModel(self._model, self._account.for_run(run), self._role)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        spending = Spending(UNLIMITED, account=self._account)
        input_tokens = estimate_tokens(messages, options.get("tools", ()), options.get("schema"))
        price = await self.price()
        admitted = spending.admit(self.name, self._role, messages, max_output_tokens, price, input_tokens=input_tokens)
        with await admitted as reservation:
            usage = Usage()
            stream = self._model.complete(messages, max_output_tokens=max_output_tokens, **options)
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    usage = chunk.usage or usage
                    yield chunk
            reservation.settle(usage)
