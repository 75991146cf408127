"""Hover: what is wrong here, what can be done about it, and who wrote the code if a model did."""

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
    from codefactory.server.shown import Shown


def register(server: Server) -> None:
    async def on_hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        checked = await server.analyses.current(uri)
        if checked is None:
            return None
        text = checked.snapshot.lines
        position = convert.from_position(params.position, text, server.client.encoding)
        items = at(visible(checked).items, position)
        content = hover(items, checked.project.settings.model.name, server.provenance.at(uri, position))
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


def hover(items: Sequence[Shown], model: str | None, author: Proposal | None) -> str | None:
    """Markdown; None when there is nothing to say."""
    parts = [_finding(item, model) for item in items]
    if author is not None:
        models = ", ".join(dict.fromkeys(plain(r.model) for r in author.evidence.rounds)) or "a model"
        parts.append(f"Written by {models} and accepted by the gate: {summary(author)} (proposal `{author.id}`).")
    return "\n\n---\n\n".join(parts) or None


def _finding(item: Shown, model: str | None) -> str:
    finding = item.finding
    codes = ", ".join(f"[{f.rule}]({f.url})" if f.url else f"`{f.rule}`" for f in item.all)
    severity, confidence = finding.severity.name.lower(), finding.confidence.name.lower()
    lines = [plain(finding.message), f"{codes} · severity {severity}, confidence {confidence}"]
    if finding.fix is not None:
        lines.append(f"{finding.tool} has a {finding.fix.safety.value} fix: {plain(finding.fix.title)}.")
    else:
        by_model = f" or {plain(model)}" if model else ""
        lines.append(f"See the quick fixes for what deterministic fixers{by_model} can do.")
    return "\n\n".join(lines)
