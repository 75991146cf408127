"""Proposals for clients with a view of their own.

`codefactory/proposal` {id} → the text before and after, the hunks and the evidence; null when it is not kept any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.server.convert import to_range
from codefactory.server.evidence import entry_to_json
from codefactory.server.protocol import as_object

if TYPE_CHECKING:
    from codefactory.analyzers import Encoding
    from codefactory.server.app import Server
    from codefactory.server.proposals import Entry


def register(server: Server) -> None:
    def on_proposal(params: Any) -> dict[str, Any] | None:
        entry = server.proposals.get(str(as_object(params).get("id")))
        return None if entry is None else proposal_json(entry, server.client.encoding)

    server.on("codefactory/proposal", on_proposal)


def proposal_json(entry: Entry, encoding: Encoding) -> dict[str, Any]:
    """Hunks carry a `range` in the client's own units."""
    data = entry_to_json(entry)
    for hunk, edit in zip(data["hunks"], entry.proposal.edits, strict=True):
        where = to_range(edit.span, entry.proposal.snapshot.lines, encoding)
        hunk["range"] = {
            "start": {"line": where.start.line, "character": where.start.character},
            "end": {"line": where.end.line, "character": where.end.character},
        }
        del hunk["span"]
    return data
