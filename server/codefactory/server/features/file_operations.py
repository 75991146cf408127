"""Files and folders that were created, renamed or deleted in the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from codefactory.server.app import Server

EVERYTHING = types.FileOperationRegistrationOptions(
    [types.FileOperationFilter(types.FileOperationPattern("**/*"), scheme="file")]
)


def register(server: Server) -> None:
    def on_created(params: types.CreateFilesParams) -> None:
        server.graphs.files_changed(file.uri for file in params.files)

    def on_renamed(params: types.RenameFilesParams) -> None:
        server.graphs.files_changed(uri for file in params.files for uri in (file.old_uri, file.new_uri))

    def on_deleted(params: types.DeleteFilesParams) -> None:
        server.graphs.files_changed(file.uri for file in params.files)

    server.on(types.WORKSPACE_DID_CREATE_FILES, on_created, EVERYTHING)
    server.on(types.WORKSPACE_DID_RENAME_FILES, on_renamed, EVERYTHING)
    server.on(types.WORKSPACE_DID_DELETE_FILES, on_deleted, EVERYTHING)
