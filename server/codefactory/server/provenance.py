"""`Provenance`: which text of this session a model wrote."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .session import key

if TYPE_CHECKING:
    from codefactory.analyzers import Position, Snapshot, Span
    from codefactory.pipelines.proposal import Proposal

    from .apply import Outcome
    from .session import Session

KEPT = 1_000
"""Hunks; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of text that came with a proposal."""

    snapshot: Snapshot
    """Right after it was applied."""
    span: Span
    """In that snapshot."""
    proposal: Proposal


class Provenance:
    """For the event loop only."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written: deque[Written] = deque(maxlen=KEPT)

    def record(self, proposal: Proposal, outcome: Outcome) -> None:
        """`proposal` was applied with this outcome."""
        after = outcome.after
        if after is None:
            return
        self._written += [Written(after, after.lines.span(*place), proposal) for place in outcome.places]

    def at(self, uri: str, position: Position) -> Proposal | None:
        """Who wrote the text at `position`; the latest, if several did."""
        for written in reversed(self._written):
            if key(written.snapshot.uri) != key(uri):
                continue
            span = self._session.follow(written.span, written.snapshot)
            if span is not None and span.contains(position):
                return written.proposal
        return None
