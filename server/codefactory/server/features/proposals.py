"""Proposals for clients with a view of their own.

`codefactory/proposal` {id} → the text before and after, the hunks, what was decided about each, and the evidence; null
when it is not kept any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.server.as_json import proposal_to_json
from codefactory.server.convert import to_range
from codefactory.server.protocol import as_object

if TYPE_CHECKING:
    from codefactory.analyzers import Encoding, Snapshot, Span
    from codefactory.server.app import Server
    from codefactory.server.proposals import Entry


def register(server: Server) -> None:
    def on_proposal(params: Any) -> dict[str, Any] | None:
        entry = server.proposals.get(str(as_object(params).get("id")))
        return None if entry is None else proposal_json(entry, server.client.encoding)

    server.on("codefactory/proposal", on_proposal)


def proposal_json(entry: Entry, encoding: Encoding) -> dict[str, Any]:
    """Hunks are edits of the text before; their `range` is in the client's own units."""
    snapshot = entry.proposal.snapshot
    decided = zip(entry.proposal.edits, entry.decisions, strict=True)
    return proposal_to_json(entry.proposal) | {
        "uri": snapshot.uri,
        "version": snapshot.version,
        "language": snapshot.language,
        "status": entry.status,
        "outcome": entry.outcome,
        "before": snapshot.text,
        "after": entry.proposal.after,
        "hunks": [
            {"range": _range(edit.span, snapshot, encoding), "newText": edit.new_text, "status": decision}
            for edit, decision in decided
        ],
    }


def _range(span: Span, snapshot: Snapshot, encoding: Encoding) -> dict[str, Any]:
    where = to_range(span, snapshot.lines, encoding)
    return {
        "start": {"line": where.start.line, "character": where.start.character},
        "end": {"line": where.end.line, "character": where.end.character},
    }
