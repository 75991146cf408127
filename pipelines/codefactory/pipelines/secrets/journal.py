"""`MaskedJournal`: a run's journal that no secret passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import encode

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping, Sequence

    from codefactory.pipelines.engine.events import Event, Status
    from codefactory.pipelines.engine.journal import Answer, Journal, Record
    from codefactory.pipelines.engine.plan import Step

    from .masker import Masker


class MaskedJournal:
    """In the place of a journal from the first secret on. Events come masked: `Run.emit` does that."""

    def __init__(self, journal: Journal, masker: Masker) -> None:
        self._journal = journal
        self._masker = masker

    @property
    def restored(self) -> Mapping[str, Record]:
        return self._journal.restored

    @property
    def last_seq(self) -> int:
        return self._journal.last_seq

    @property
    def spent(self) -> Mapping[str, float]:
        return self._journal.spent

    def finish(
        self,
        path: str,
        step: Step | None,
        value: Any,
        writes: list[tuple[str, Any]] | None,
        started: float,
        finished: float,
        start_seq: int,
        seq: int,
        attempts: int = 1,
        cached: bool = False,
        recovered: str | None = None,
    ) -> Future[None] | None:
        value = self._plain(value, path)
        writes = None if writes is None else [(channel, self._plain(v, path)) for channel, v in writes]
        return self._journal.finish(
            path, step, value, writes, started, finished, start_seq, seq, attempts, cached, recovered
        )

    def skip(self, path: str, reason: str, at: float, seq: int) -> Future[None] | None:
        return self._journal.skip(path, self._masker.text(reason), at, seq)

    async def intend(self, path: str) -> None:
        await self._journal.intend(path)

    def event(self, event: Event) -> None:
        self._journal.event(event)

    def receipt(self, path: str, key: str) -> Any:
        return self._journal.receipt(path, key)

    def put_receipt(self, path: str, key: str, value: Any) -> Future[None] | None:
        return self._journal.put_receipt(path, self._masker.text(key), self._plain(value, path))

    def watch(self, cancel: Callable[[str], None]) -> None:
        self._journal.watch(cancel)

    async def asked_at(
        self, path: str, question: str, who: Sequence[str], deadline_s: float | None, *, again: bool
    ) -> float:
        return await self._journal.asked_at(path, self._masker.text(question), who, deadline_s, again=again)

    async def answer(self, path: str, question: str) -> Answer | None:
        return await self._journal.answer(path, self._masker.text(question))

    def proves(self, path: str) -> bool:
        return self._journal.proves(path)

    async def forget_answer(self, path: str) -> None:
        await self._journal.forget_answer(path)

    def close(
        self, status: Status, error: str | None, outputs: Any, spent: Mapping[str, float], at: float
    ) -> Future[None] | None:
        error = None if error is None else self._masker.text(error)
        try:
            outputs = self._plain(outputs, "outputs")
        except Exception:  # noqa: BLE001 as in the journal itself: outputs that have no JSON form are not kept
            outputs = None
        return self._journal.close(status, error, outputs, spent, at)

    def _plain(self, value: Any, path: str) -> Any:
        """The JSON form, masked: what a class would say of itself in JSON is masked as well."""
        return self._masker.value(json.loads(encode(value, path)))
