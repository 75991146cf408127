"""`codefactory.explainFinding` {uri, position} → {markdown}: the findings at a place, what their rules are about, and
what can be done; null when there is none."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from codefactory.analyzers.ruff import find_executable
from codefactory.server import convert
from codefactory.server.analyses import options_for
from codefactory.server.evidence import plain

from .code_actions import fix_title, merged_fixes
from .commands import PATIENCE_S, parameters, required
from .diagnostics import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Finding, Fix
    from codefactory.server.app import Server
    from codefactory.server.shown import Shown


def register(server: Server) -> None:
    async def on_explain(*arguments: Any) -> dict[str, Any] | None:
        values = parameters(arguments)
        return await explain(server, required(values, "uri"), position(values.get("position")))

    server.on_command("codefactory.explainFinding", on_explain)


def position(value: object) -> types.Position:
    """Raises JsonRpcInvalidParams."""
    try:
        return cattrs.structure(value, types.Position)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        raise JsonRpcInvalidParams("The argument 'position' must be a position.") from error


async def explain(server: Server, uri: str, where: types.Position) -> dict[str, Any] | None:
    checked = await server.analyses.complete(uri, PATIENCE_S)
    if checked is None:
        return None
    line = where.line
    items = [i for i in visible(checked).items if i.finding.span.start.line <= line <= i.finding.span.end.line]
    point = convert.from_position(where, checked.snapshot.lines, server.client.encoding)
    items = [item for item in items if item.finding.span.contains(point)] or items
    if not items:
        return None
    options = options_for(checked.project, checked.snapshot)
    fixes = await server.fixes.of(checked.snapshot, [f for item in items for f in item.all], options)
    ruff = find_executable(options.ruff.path)
    parts = [
        markdown(item, merged_fixes(item, fixes), await asyncio.to_thread(rule_text, ruff, code_of(item)))
        for item in items
    ]
    return {"markdown": "\n\n---\n\n".join(parts)}


def markdown(item: Shown, fixes: Sequence[Fix], rule: str | None) -> str:
    finding = item.finding
    links = ", ".join(_link(f) for f in item.all)
    severity, confidence = finding.severity.name.lower(), finding.confidence.name.lower()
    lines = [
        f"# {plain(finding.message)}",
        f"Line {finding.span.start.line + 1} · {links} · severity {severity}, confidence {confidence}",
        "## What can be done",
    ]
    lines += ["\n".join(f"- {plain(fix_title(fix))}" for fix in fixes) or "No deterministic fixer can decide this."]
    return "\n\n".join(lines + ([rule] if rule else []))


def code_of(item: Shown) -> str:
    """The rule in ruff's words: its S rules carry bandit's numbers."""
    own = next((f.code for f in item.all if f.tool == "ruff"), None)
    return own or re.sub(r"^B(\d+)$", r"S\1", item.finding.code)


@lru_cache(maxsize=256)
def rule_text(ruff: str | None, code: str) -> str | None:
    """What ruff's manual says of a rule, as Markdown below our own headings. Blocks."""
    import subprocess

    if ruff is None or not re.fullmatch(r"[A-Z]+\d+", code):
        return None
    try:
        done = subprocess.run(
            [ruff, "rule", code], capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace").strip()
    return re.sub(r"^# .*\n+", "", text) if done.returncode == 0 and text else None


def _link(finding: Finding) -> str:
    return f"[{finding.rule}]({finding.url})" if finding.url else f"`{finding.rule}`"
