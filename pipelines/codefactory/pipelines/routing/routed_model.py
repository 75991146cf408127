"""`RoutedModel`: the models of a route, as one model."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

from codefactory.pipelines.budget import LEAST_OUTPUT_TOKENS, estimate_tokens
from codefactory.pipelines.completion import Completion, ask_one
from codefactory.pipelines.ledger.trials import Trial, add_trial, read_records
from codefactory.pipelines.models import NO_USAGE, ModelError
from codefactory.pipelines.models.prices import context_tokens, price_of
from codefactory.pipelines.store.errors import StoreError

from .choice import Choice, choose
from .reply_cache import key_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from codefactory.pipelines.budget import Spending
    from codefactory.pipelines.completion import Question
    from codefactory.pipelines.ledger import LedgerStore
    from codefactory.pipelines.ledger.trials import Record, Result
    from codefactory.pipelines.models import Chunk, Message, Model, ModelErrorCategory, Options, Price, Role
    from codefactory.pipelines.settings import RouteSettings

    from .endpoint import Endpoint
    from .reply_cache import ReplyCache

PATIENCE_S = 5.0
"""A rate limit that needs a longer wait is none to wait for while another model is free."""
ITS_OWN_FAILURES: frozenset[ModelErrorCategory] = frozenset({"transient", "timeout", "invalid", "fatal"})
"""Failures that are part of a model's record."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model of a route."""

    model: Model
    endpoint: Endpoint
    max_input_tokens: int | None = None
    """Longer requests go to another one."""
    own_price: Price | None = None
    """From the user's settings: it wins over all others."""
    cache: ReplyCache | None = None
    address: str = ""
    """Tells models of one name at different places apart."""

    async def price(self) -> Price | None:
        return self.own_price or price_of(self.model.name) or await self.model.price()

    def takes(self, input_tokens: int) -> bool:
        context = context_tokens(self.model.name)
        if context is not None and input_tokens + LEAST_OUTPUT_TOKENS > context:
            return False
        return self.max_input_tokens is None or input_tokens <= self.max_input_tokens


class RoutedModel:
    """See the `Model` and `Router` protocols. For one run and role: who begins is chosen once.

    `store`: where records of models are kept; None keeps none.
    """

    def __init__(
        self,
        role: Role,
        settings: RouteSettings,
        candidates: Sequence[Candidate],
        *,
        run: str,
        store: LedgerStore | None = None,
    ) -> None:
        if len(candidates) != len(settings.models):
            raise ValueError("a route has one candidate for each of its models")
        self._role: Role = role
        self._settings = settings
        self._candidates = tuple(candidates)
        self._run = run
        self._store = store
        self._choice: Choice | None = None
        self._order = tuple(range(len(candidates)))
        self._refusals = 0

    def __repr__(self) -> str:
        return f"RoutedModel({self._role!r}, {[c.model.name for c in self._candidates]})"

    @property
    def name(self) -> str:
        """The model that is asked first, as things stand."""
        return self._candidates[self._order[0]].model.name

    async def price(self) -> Price | None:
        await self.choice()
        return await self._candidates[self._order[0]].price()

    async def dearest(self, input_tokens: int, output_tokens: int) -> tuple[str, Price | None]:
        """See `Several`."""
        candidates = await self.candidates(input_tokens)
        prices = [(c.model.name, await c.price()) for c in candidates]
        return max(prices, key=lambda p: float("inf") if p[1] is None else p[1].at_most(input_tokens, output_tokens))

    async def choice(self) -> Choice:
        """Who begins in this run, and why."""
        if self._choice is None:
            records = {} if self._settings.choose != "measured" else await self._records()
            self._choice = choose(self._settings, records, run=self._run, role=self._role)
            self._order = self._choice.order
        return self._choice

    async def candidates(self, input_tokens: int) -> tuple[Candidate, ...]:
        """Those that take a request of this size, in the order in which to ask. Raises ModelError."""
        await self.choice()
        fitting = tuple(c for n in self._order if (c := self._candidates[n]).takes(input_tokens))
        if fitting:
            return fitting
        names = ", ".join(c.model.name for c in self._candidates)
        raise ModelError(
            "context-length",
            f"The request has about {input_tokens:,} tokens, more than {names} may be given. Add a model with a larger "
            f"context to codefactory.model.routes.{self._role}, raise its maxInputTokens, or repair fewer findings at "
            "once.",
        )

    async def ask(self, question: Question, spending: Spending) -> Completion:
        candidates = await self.candidates(question.input_tokens)
        failures: list[tuple[str, ModelError]] = []
        for position, candidate in enumerate(candidates):
            last = position == len(candidates) - 1
            started = time.perf_counter()
            try:
                completion = await self._ask(candidate, question, spending, last=last)
            except ModelError as error:
                failures.append((candidate.model.name, error))
                self._record_failure(candidate, error, time.perf_counter() - started)
                if last or not spending.seconds_left:
                    raise _summed_up(self._role, failures) from error
                question.notice(f"{_told(candidate.model.name, error)} Asking {candidates[position + 1].model.name}.")
            else:
                return replace(completion, notes=tuple(_told(name, error) for name, error in failures))
        raise AssertionError("a route has models")

    def judged(self, completion: Completion, result: Result, number: int, *, repeated: bool = False) -> str | None:
        usage = completion.usage
        if not completion.replayed:
            trial = Trial(
                self._role, completion.model, result, number, usage.total_tokens, usage.cost_usd, completion.duration_s
            )
            self._record(trial)
        if result == "accepted":
            self._refusals = 0
            return None
        if completion.model != self.name or len(self._order) == 1:
            return None
        self._refusals += 1
        if self._refusals < self._settings.after_refusals and not repeated:
            return None
        before, count = self.name, self._refusals
        self._order = (*self._order[1:], self._order[0])
        self._refusals = 0
        why = "repeats itself" if repeated else f"was refused {count} times in a row"
        return f"{before} {why}. Asking {self.name} from now on."

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        """For callers that keep no account. Once a reply has begun, no other model takes over."""
        input_tokens = estimate_tokens(messages, options.get("tools", ()), options.get("schema"))
        candidates = await self.candidates(input_tokens)
        failures: list[tuple[str, ModelError]] = []
        for candidate in candidates:
            begun = False
            patience_s = PATIENCE_S if candidate is not candidates[-1] else 60.0
            try:
                async with candidate.endpoint.call(input_tokens + max_output_tokens, patience_s=patience_s) as call:
                    stream = candidate.model.complete(messages, max_output_tokens=max_output_tokens, **options)
                    async with aclosing(stream) as chunks:
                        async for chunk in chunks:
                            begun = True
                            if chunk.usage and chunk.usage.total_tokens is not None:
                                call.tokens = chunk.usage.total_tokens
                            yield chunk
            except ModelError as error:
                failures.append((candidate.model.name, error))
                if begun or candidate is candidates[-1]:
                    raise _summed_up(self._role, failures) from error
            else:
                return

    async def _ask(self, candidate: Candidate, question: Question, spending: Spending, *, last: bool) -> Completion:
        started = time.perf_counter()
        name = candidate.model.name
        cache, key = candidate.cache, _key(candidate, question)
        if cache is not None and key is not None and (text := await cache.get(key)) is not None:
            duration_s = time.perf_counter() - started
            spending.replayed(name, question.role, duration_s)
            question.report(text)
            return Completion(text, NO_USAGE, "stop", model=name, replayed=True, duration_s=duration_s)
        price = await candidate.price()
        tokens = question.input_tokens + question.max_output_tokens
        patience_s = spending.seconds_left if last else PATIENCE_S
        async with candidate.endpoint.call(tokens, patience_s=patience_s, notice=question.notice) as call:
            completion = await ask_one(
                candidate.model, price, question, spending, by_price=candidate.own_price is not None
            )
            used = completion.usage.total_tokens
            call.tokens = tokens if used is None else used
        if cache is not None and key is not None and completion.finish == "stop" and not completion.tool_calls:
            cache.put(key, completion.text)
        return completion

    async def _records(self) -> dict[str, Record]:
        if self._store is None:
            return {}
        try:
            found = await self._store.do(lambda connection: read_records(connection, self._role))
        except StoreError:  # it is said elsewhere; without records all models are equal
            return {}
        return {record.model: record for record in found}

    def _record_failure(self, candidate: Candidate, error: ModelError, duration_s: float) -> None:
        if error.category in ITS_OWN_FAILURES:
            self._record(Trial(self._role, candidate.model.name, "failed", 1, None, None, duration_s))

    def _record(self, trial: Trial) -> None:
        if self._store is not None:
            self._store.write(lambda connection: add_trial(connection, trial))


def _key(candidate: Candidate, question: Question) -> str | None:
    """Of a request that leaves nothing to chance; None for others. The limit of the length is not in it: a reply that
    ended by itself is the same under every limit that has room for it."""
    options = question.options
    if options.get("temperature", 0.0) != 0.0 and options.get("seed") is None:
        return None
    messages = [
        (m.role, m.content, [(i.media_type, i.data.hex()) for i in m.images], repr(m.tool_calls), m.tool_call_id)
        for m in question.messages
    ]
    tools = [(t.name, t.description, t.parameters) for t in options.get("tools", ())]
    rest = {name: value for name, value in options.items() if name != "tools"}
    return key_of(model=candidate.model.name, address=candidate.address, messages=messages, tools=tools, options=rest)


def _told(name: str, error: ModelError) -> str:
    text = str(error)
    return text if name in text else f"{name}: {text}"


def _summed_up(role: Role, failures: Sequence[tuple[str, ModelError]]) -> ModelError:
    """One error for all of them; the last one's category."""
    _, last = failures[-1]
    if len(failures) == 1:
        return last
    texts = dict.fromkeys(_told(name, error) for name, error in failures)
    return ModelError(
        last.category,
        f"No model of the route for {role} answered. {' '.join(texts)} See codefactory.model.routes.{role}.",
        last.retry_after_s,
        unreported=0,  # each failure has settled its own reservation
    )
