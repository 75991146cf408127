"""`codefactory.showContext` {uri, range?} → {markdown, json}: what a model would be shown of other files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from lsprotocol.converters import get_converter

from codefactory.server import convert, repairs
from codefactory.server.evidence import plain

from .commands import parameters, required

if TYPE_CHECKING:
    from codefactory.analyzers.graph.context import ContextPack
    from codefactory.server.app import Server

NAME = "codefactory.showContext"


def register(server: Server) -> None:
    async def on_show(*arguments: Any) -> dict[str, Any]:
        values = parameters(arguments)
        uri = required(values, "uri")
        snapshot = await repairs.document(server, uri)
        if snapshot is None:
            return said(f"{uri} cannot be read.")
        selection = None
        if isinstance(values.get("range"), dict):
            where = get_converter().structure(values["range"], types.Range)
            selection = convert.from_range(where, snapshot.lines, server.client.encoding)
        pack = await repairs.context_pack(server, snapshot, selection=selection)
        if pack is None:
            return said("This document is not in a dependency graph: a model would be shown no other file.")
        return {"markdown": to_markdown(snapshot.uri.rpartition("/")[2], pack), "json": to_json(pack)}

    server.on_command(NAME, on_show)


def said(message: str) -> dict[str, Any]:
    return {"markdown": message, "json": None}


def to_json(pack: ContextPack) -> dict[str, Any]:
    files = [
        {"path": f.path, "kind": f.kind, "tokens": f.tokens, "reason": f.reason, "text": f.text} for f in pack.files
    ]
    left_out = [{"path": item.path, "why": item.why} for item in pack.left_out]
    return {"budgetTokens": pack.budget_tokens, "usedTokens": pack.used_tokens, "files": files, "leftOut": left_out}


def to_markdown(name: str, pack: ContextPack) -> str:
    lines = [f"# What a model would be shown along with {plain(name)}", ""]
    if not pack.files:
        lines += ["No other file.", ""]
    else:
        lines += ["| file | as | tokens | because |", "| --- | --- | ---: | --- |"]
        lines += [f"| {plain(f.path)} | {f.kind} | {f.tokens} | {plain(f.reason)} |" for f in pack.files]
        lines += ["", f"{pack.used_tokens} of {pack.budget_tokens} tokens. Nothing has been sent.", ""]
    lines += [f"- left out: {plain(item.path)}: {plain(item.why)}" for item in pack.left_out]
    return "\n".join(lines).rstrip() + "\n\n" + pack.render()
