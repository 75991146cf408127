"""Settings: from `workspace/configuration` where the client has it, else from what it sends; files and folders watched.

`codefactory/setSecret` {name, value} hands over a secret, by a setting's name ("model.apiKey"); it stays in memory.
"""

from __future__ import annotations

import logging
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codefactory.server.configuration import GRAPH_WATCHED, SECTION, WATCHED, Folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.server.app import Server

log = logging.getLogger(__name__)


def register(server: Server) -> None:
    async def on_configuration(params: types.DidChangeConfigurationParams) -> None:
        if not server.client.capabilities.asks_configuration:
            server.configuration.set_editor({"": section(params.settings)})
        await load(server)

    def on_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.graphs.files_changed(change.uri for change in params.changes)
        if any(is_configuration(change.uri) for change in params.changes):
            changed(server)

    def on_save(params: types.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.graphs.files_changed((uri,), watching=server.client.capabilities.watches_files)
        if is_configuration(uri):
            changed(server)

    async def on_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = {folder.uri for folder in params.event.removed}
        kept = [folder for folder in server.configuration.folders if folder.uri not in removed]
        added = [Folder(folder.uri, folder.name) for folder in params.event.added]
        server.configuration.set_folders((*kept, *added))
        await load(server)

    def on_secret(params: Any) -> None:
        values = section(params)
        name, value = values.get("name"), values.get("value")
        if not isinstance(name, str) or not isinstance(value, str | None):
            log.warning("codefactory/setSecret needs a name and a value that is a string or null")
            return
        server.configuration.set_secret(name, value)
        changed(server)

    server.on(types.WORKSPACE_DID_CHANGE_CONFIGURATION, on_configuration)
    server.on(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, on_watched_files)
    server.on(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, on_folders)
    server.on(types.TEXT_DOCUMENT_DID_SAVE, on_save)
    server.on("codefactory/setSecret", on_secret)


def section(settings: object) -> Mapping[str, Any]:
    """Our section of what a client sends: some wrap it in its name, some do not; none at all is an empty one."""
    if not isinstance(settings, dict):
        return {}
    values = cast("dict[str, Any]", settings)
    inner = values.get(SECTION)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else values


def is_configuration(uri: str) -> bool:
    return PurePosixPath(unquote(urlsplit(uri).path)).name in WATCHED


async def load(server: Server) -> None:
    """Ask the client for the settings of each folder, then analyze anew what is open."""
    if server.client.capabilities.asks_configuration:
        scopes = [None, *(folder.uri for folder in server.configuration.folders)]
        try:
            answers = await server.client.configuration(SECTION, scopes)
        except (JsonRpcException, TimeoutError) as error:
            log.warning("the client gave no configuration (%s): the other settings stand", type(error).__name__)
        else:
            names = ["" if scope is None else scope for scope in scopes]
            server.configuration.set_editor(
                {name: section(answer) for name, answer in zip(names, answers, strict=False)}
            )
    changed(server)


def changed(server: Server) -> None:
    """Settings or configuration files are different now."""
    server.configuration.reload()
    server.analyses.touch_all()
    server.spawn(server.graphs.synchronize())
    server.client.refresh_diagnostics()
    for listener in server.configuration_listeners:
        listener()


async def register_with_client(server: Server) -> None:
    """Ask to be told of changed settings and configuration files, as far as the client lets us."""
    capabilities = server.client.capabilities
    registrations: list[types.Registration] = []
    if capabilities.registers_configuration:
        options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
        registrations.append(
            types.Registration("codefactory-configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION, options)
        )
    if capabilities.watches_files:
        names = (*WATCHED, *GRAPH_WATCHED)
        watchers = [types.FileSystemWatcher(glob_pattern=f"**/{name}") for name in names]
        watched = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        registrations.append(types.Registration("codefactory-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, watched))
    if not registrations:
        return
    try:
        await server.client.register(registrations)
    except (JsonRpcException, TimeoutError) as error:
        log.warning("the client refused to register watchers: %s", type(error).__name__)
