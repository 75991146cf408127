"""Hover: what is wrong here, what can be done about it, what an import means, and which model wrote the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from codefactory.server import convert
from codefactory.server.evidence import plain, summary

from .diagnostics import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Position
    from codefactory.pipelines.proposal import Proposal
    from codefactory.server.app import Server
    from codefactory.server.folder_graph import FolderGraph
    from codefactory.server.shown import Shown

PATIENCE_S = 0.1
"""How long a hover waits for a graph that is busy."""


def register(server: Server) -> None:
    async def on_hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        checked = await server.analyses.current(uri)
        if checked is None:
            return None
        text = checked.snapshot.lines
        position = convert.from_position(params.position, text, server.client.encoding)
        items = at(visible(checked).items, position)
        author = server.provenance.at(uri, position)
        imported = await server.graphs.ask(uri, lambda graph, path: import_hover(graph, path, position), PATIENCE_S)
        model = server.models.name(checked.project.settings)
        repeats = not server.client.capabilities.hovers_show_diagnostics
        content = hover(items, model, author, imported, repeats=repeats)
        if content is None:
            return None
        where = convert.to_range(items[0].finding.span, text, server.client.encoding) if items else None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, content), where)

    server.on(types.TEXT_DOCUMENT_HOVER, on_hover)


def at(items: Sequence[Shown], position: Position) -> list[Shown]:
    """The findings whose first line is hovered, where the squiggle is."""
    return [
        item for item in items if item.finding.span.start.line == position.line and item.finding.span.contains(position)
    ]


def import_hover(graph: FolderGraph, path: str, position: Position) -> str | None:
    """What the import at a position means; None where none is."""
    from codefactory.server import imports

    edges = imports.at(graph.graph, path, position)
    return imports.hover(graph, edges) if edges else None


def hover(
    items: Sequence[Shown], model: str | None, author: Proposal | None, imported: str | None, *, repeats: bool = True
) -> str | None:
    """Markdown; None when there is nothing to say. `repeats`: with the messages that are in the diagnostics too."""
    parts = [_finding(item, model, repeats=repeats) for item in items]
    if imported is not None:
        parts.append(imported)
    if author is not None:
        models = ", ".join(dict.fromkeys(plain(r.model) for r in author.evidence.rounds)) or "a model"
        parts.append(f"Written by {models} and accepted by the gate: {summary(author)} (proposal `{author.id}`).")
    return "\n\n---\n\n".join(parts) or None


def _finding(item: Shown, model: str | None, *, repeats: bool) -> str:
    finding = item.finding
    codes = ", ".join(f"[{f.rule}]({f.url})" if f.url else f"`{f.rule}`" for f in item.all)
    severity, confidence = finding.severity.name.lower(), finding.confidence.name.lower()
    lines = [plain(finding.message)] if repeats else []
    lines.append(f"{codes} · severity {severity}, confidence {confidence}")
    if finding.fix is not None:
        lines.append(f"{finding.tool} has a {finding.fix.safety.value} fix: {plain(finding.fix.title)}.")
    else:
        by_model = f" or {plain(model)}" if model else ""
        lines.append(f"See the quick fixes for what deterministic fixers{by_model} can do.")
    return "\n\n".join(lines)
