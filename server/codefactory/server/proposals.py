"""The proposals of this session: what waits for a yes or a no, and the evidence of the last ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.proposal import Proposal

KEPT = 100
"""Proposals whose evidence can still be asked for; the oldest go first."""

Decision = Literal["open", "applied", "rejected"]
Status = Literal["open", "applied", "partly applied", "rejected"]


@dataclass(slots=True)
class Entry:
    proposal: Proposal
    decisions: list[Decision] = field(default_factory=list[Decision])
    """One for each hunk, that is, for each of the proposal's edits."""
    outcome: str = ""
    """Why applying it failed or is not certain, in words."""

    def __post_init__(self) -> None:
        self.decisions = self.decisions or ["open"] * len(self.proposal.edits)

    @property
    def open(self) -> tuple[int, ...]:
        """The numbers of the hunks that nobody has decided about."""
        return tuple(number for number, decision in enumerate(self.decisions) if decision == "open")

    @property
    def status(self) -> Status:
        """Of the whole: open until each hunk is decided."""
        if self.open:
            return "open"
        if "applied" not in self.decisions:
            return "rejected"
        return "partly applied" if "rejected" in self.decisions else "applied"

    def decide(self, hunks: Iterable[int], decision: Decision) -> None:
        for number in hunks:
            self.decisions[number] = decision


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
