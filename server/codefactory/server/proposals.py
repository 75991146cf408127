"""The proposals of this session: what waits for a yes or a no, and the evidence of the last ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from codefactory.pipelines.proposal import Proposal

KEPT = 100
"""Proposals whose evidence can still be asked for; the oldest go first."""

Status = Literal["open", "applied", "discarded", "failed"]


@dataclass(slots=True)
class Entry:
    proposal: Proposal
    status: Status = "open"
    outcome: str = ""
    """What happened when it was applied, in words."""


class Proposals:
    """For the event loop only."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def add(self, proposal: Proposal) -> Entry:
        entry = self._entries[proposal.id] = Entry(proposal)
        while len(self._entries) > KEPT:
            self._entries.popitem(last=False)
        return entry

    def get(self, proposal_id: str) -> Entry | None:
        return self._entries.get(proposal_id)

    def latest(self, uri: str | None = None) -> Entry | None:
        """The last one made, for one document or for any."""
        return next((e for e in reversed(self._entries.values()) if uri in (None, e.proposal.snapshot.uri)), None)
