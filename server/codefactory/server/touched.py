"""The findings that a range of a document touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from . import convert

if TYPE_CHECKING:
    from .app import Server

PATIENCE_S = 10.0


def range_of(value: Any) -> types.Range:
    """Raises JsonRpcInvalidParams."""
    try:
        return cattrs.structure(value, types.Range)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        raise JsonRpcInvalidParams("The argument 'range' must be a range.") from error


async def fingerprints_in(server: Server, uri: str, where: types.Range) -> list[str]:
    """Of the findings shown on the lines of a range, in the document as it is now."""
    from .features.diagnostics import visible

    checked = await server.analyses.complete(uri, PATIENCE_S)
    if checked is None:
        return []
    span = convert.from_range(where, checked.snapshot.lines, server.client.encoding)
    last = span.end.line - (span.end.column == 0 and span.end.line > span.start.line)
    return [
        fingerprint
        for item in visible(checked).items
        if item.finding.span.start.line <= last and span.start.line <= item.finding.span.end.line
        for fingerprint in item.fingerprints
    ]
