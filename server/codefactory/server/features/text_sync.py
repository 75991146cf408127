"""didOpen, didChange, didClose: the only writers of `Session`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from codefactory.analyzers import Snapshot
from codefactory.server.convert import apply_changes

if TYPE_CHECKING:
    from codefactory.server.app import Server


def register(server: Server) -> None:
    def on_open(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.session.open(Snapshot(document.uri, document.text, str(document.language_id), document.version))
        server.analyses.touch(document.uri)
        server.graphs.touch(document.uri)

    def on_change(params: types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        before = server.session.snapshot(document.uri)
        if before is None:
            return
        text, steps = apply_changes(before.lines, params.content_changes, server.client.encoding)
        server.session.change(document.uri, document.version, text.value, steps)
        server.analyses.touch(document.uri)
        server.graphs.touch(document.uri)

    def on_close(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.session.close(uri)
        server.analyses.forget(uri)
        server.graphs.touch(uri)
        if not server.client.capabilities.pulls_diagnostics:
            server.client.publish(uri, None, [])

    server.on(types.TEXT_DOCUMENT_DID_OPEN, on_open)
    server.on(types.TEXT_DOCUMENT_DID_CHANGE, on_change)
    server.on(types.TEXT_DOCUMENT_DID_CLOSE, on_close)
