"""What the client can do, read once from its `initialize` request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.analyzers import Encoding

    from .configuration import Folder

_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The defaults are those of a client that declares nothing."""

    encoding: Encoding = "utf-16"
    pulls_diagnostics: bool = False
    refreshes_diagnostics: bool = False
    asks_configuration: bool = False
    watches_files: bool = False
    registers_configuration: bool = False
    applies_edits: bool = False
    versioned_edits: bool = False
    disabled_actions: bool = False
    preferred_actions: bool = False
    llm_tag: bool = False
    progress: bool = False
    previews: bool = False
    """It shows proposals in a view of its own: `initializationOptions.preview`."""
    notifications: bool = False
    """It knows our own notifications: `initializationOptions.notifications`."""
    editor_models: bool = False
    """It answers `codefactory/model/complete`: `initializationOptions.editorModels`."""
    editor_model_allowed: bool = False
    """The user has allowed us the editor's model, without naming it: `initializationOptions.editorModels` "allowed"."""
    hovers_show_diagnostics: bool = False
    """Its hovers say what the diagnostics say: `initializationOptions.hoversShowDiagnostics`."""
    link_tooltips: bool = False
    refreshes_lenses: bool = False
    shows_references: str | None = None
    """The client's own command that shows [uri, position, locations]: `initializationOptions.showReferences`."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """`initializationOptions`."""

    @classmethod
    def of(cls, params: types.InitializeParams) -> Capabilities:
        capabilities = params.capabilities
        document = capabilities.text_document or types.TextDocumentClientCapabilities()
        workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
        action = document.code_action or types.CodeActionClientCapabilities()
        tags = action.tag_support.value_set if action.tag_support else ()
        watched, configured = workspace.did_change_watched_files, workspace.did_change_configuration
        options = _options(params)
        return cls(
            encoding=_encoding(capabilities),
            pulls_diagnostics=document.diagnostic is not None,
            refreshes_diagnostics=bool(workspace.diagnostics and workspace.diagnostics.refresh_support),
            asks_configuration=bool(workspace.configuration),
            watches_files=bool(watched and watched.dynamic_registration),
            registers_configuration=bool(configured and configured.dynamic_registration),
            applies_edits=bool(workspace.apply_edit),
            versioned_edits=bool(workspace.workspace_edit and workspace.workspace_edit.document_changes),
            disabled_actions=bool(action.disabled_support),
            preferred_actions=bool(action.is_preferred_support),
            llm_tag=types.CodeActionTag.LlmGenerated in tags,
            progress=bool(capabilities.window and capabilities.window.work_done_progress),
            previews=bool(options.get("preview")),
            notifications=bool(options.get("notifications")),
            editor_models=bool(options.get("editorModels")),
            editor_model_allowed=options.get("editorModels") == "allowed",
            hovers_show_diagnostics=bool(options.get("hoversShowDiagnostics")),
            link_tooltips=bool(document.document_link and document.document_link.tooltip_support),
            refreshes_lenses=bool(workspace.code_lens and workspace.code_lens.refresh_support),
            shows_references=str(options["showReferences"]) if options.get("showReferences") else None,
            options=options,
        )


def folders(params: types.InitializeParams) -> tuple[Folder, ...]:
    """The workspace folders, or the single root of older clients."""
    from .configuration import Folder

    if params.workspace_folders:
        return tuple(Folder(f.uri, f.name) for f in params.workspace_folders)
    if params.root_uri:
        return (Folder(params.root_uri, params.root_uri.rstrip("/").rpartition("/")[2]),)
    return ()


def _encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """The client's first choice that we know, as pygls announces it."""
    offered = (capabilities.general.position_encodings if capabilities.general else None) or ()
    names = [str(getattr(e, "value", e)) for e in offered]
    known: list[Encoding] = [_ENCODINGS[name] for name in names if name in _ENCODINGS]
    return known[0] if known else "utf-16"


def _options(params: types.InitializeParams) -> Mapping[str, Any]:
    options: object = params.initialization_options
    return cast("Mapping[str, Any]", options) if isinstance(options, dict) else {}
