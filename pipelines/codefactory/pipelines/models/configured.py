"""Which model is used: the one that the settings name, else one that is here already. Never one of somebody else's."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.settings import LocalSettings, ModelSettings, Settings

    from .discovery import LocalServer
    from .model import Model

EDITOR = "editor"
NAMED = "named in the settings"
NONE = "none"
"""A `codefactory.model.name` that turns models off, also those that are here."""
HOW_TO_GET_ONE = (
    "To get one that runs on this machine: pip install xllamacpp && codefactory models pull "
    "qwen2.5-coder-1.5b. Or set codefactory.model.name (--model) to any that litellm knows."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that is used, and why that one."""

    model: Model | None
    why: str
    """Goes on after the model's name, as "named in the settings"; without a model, a sentence on how to get one."""

    @property
    def name(self) -> str | None:
        return self.model.name if self.model is not None else None

    def __str__(self) -> str:
        return f"{self.name}: {self.why}" if self.model is not None else self.why


async def choose_model(
    settings: Settings, *, editor: Callable[[str], Model] | None = None, editor_allowed: bool = False
) -> Choice:
    """In this order: what the settings name, the editor's model if the user allowed it, a server that runs on this
    machine, a model that was pulled. `editor` makes a model of the editor's by its name; None: there is no editor.

    Nothing leaves this machine. Raises ModelError for a name that no model can have.
    """
    from .discovery import find_servers

    if (settled := _settled(settings, editor, editor_allowed)) is not None:
        return settled
    servers = await find_servers(settings.local)
    return await asyncio.to_thread(_here, settings, servers)


def known_model(
    settings: Settings, *, editor: Callable[[str], Model] | None = None, editor_allowed: bool = False
) -> Choice:
    """As `choose_model`, by what is known without asking any server. Reads files."""
    from .discovery import known_servers

    if (settled := _settled(settings, editor, editor_allowed)) is not None:
        return settled
    return _here(settings, known_servers(settings.local) or ())


def make_model(settings: ModelSettings, api_key: str | None = None, local: LocalSettings | None = None) -> Model | None:
    """The model that the settings name; None when they name none. `api_key`: from an editor's secret storage; it wins
    over the settings. Nothing heavy is imported before the model is asked. Raises ModelError for a name that
    no model on this machine can have."""
    if settings.name is None or settings.name == NONE:
        return None
    if (model := _on_this_machine(settings, local)) is not None:
        return _recorded(model, settings)
    from .connect import connect

    key = api_key
    if key is None and settings.api_key is not None:
        key = settings.api_key.get_secret_value()
    if key is None and settings.api_key_env is not None:
        key = os.environ.get(settings.api_key_env)
    model = connect(
        settings.name,
        api_base=settings.api_base,
        api_key=key,
        timeout_s=settings.timeout_s,
        headers={name: value.get_secret_value() for name, value in settings.headers.items()},
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
    )
    return _recorded(model, settings)


def _recorded(model: Model, settings: ModelSettings) -> Model:
    """The model, with its conversations kept in a file where the settings ask for it."""
    if settings.record is None:
        return model
    from .cassette import RecordingModel

    return RecordingModel(model, settings.record.expanduser())


def is_on_this_machine(name: str | None) -> bool:
    """Whether a name is of an embedded model, or of a server's that was found on this machine."""
    return name is not None and name.partition("/")[0] in {"embedded", "local"}


def _on_this_machine(settings: ModelSettings, local: LocalSettings | None) -> Model | None:
    name = settings.name
    if name is None or not is_on_this_machine(name):
        return None
    from codefactory.pipelines.settings import LocalSettings

    from .discovery import local_server_model
    from .embedded import embedded_model

    make = embedded_model if name.startswith("embedded") else local_server_model
    return make(name, local or LocalSettings(), settings.timeout_s)


def _settled(settings: Settings, editor: Callable[[str], Model] | None, editor_allowed: bool) -> Choice | None:
    """What needs no looking around."""
    name = settings.model.name
    if name == NONE:
        return Choice(None, 'codefactory.model.name is "none": no model is asked.')
    if name is not None and name.partition("/")[0] == EDITOR:
        if editor is None:
            return Choice(
                None, f"codefactory.model.name is {name!r}, and there is no editor here: --model names another."
            )
        return Choice(editor(name), NAMED)
    if name is not None:
        return Choice(make_model(settings.model, local=settings.local), NAMED)
    if editor is not None and editor_allowed:
        return Choice(editor(EDITOR), "the editor's, which you allowed")
    return None


def _here(settings: Settings, servers: tuple[LocalServer, ...]) -> Choice:
    from .discovery import local_server_model

    timeout_s = settings.model.timeout_s
    for server in servers:
        for name in server.names:
            return Choice(local_server_model(name, settings.local, timeout_s), f"found running: {server.title}")
    return _pulled(settings, timeout_s)


def _pulled(settings: Settings, timeout_s: float) -> Choice:
    from . import catalogue
    from .embedded import INSTALL, embedded_model, is_installed

    try:
        pulled = [model for model in catalogue.load().pulled() if model.default]
    except catalogue.CatalogueError as error:
        return Choice(None, str(error))
    if not pulled:
        return Choice(None, HOW_TO_GET_ONE)
    if not (settings.local.host or is_installed()):
        return Choice(None, f"{pulled[0].name} is on this machine, but what runs it is not installed: {INSTALL}")
    model = embedded_model(pulled[0].name, settings.local, timeout_s)
    return Choice(model, f"pulled, and no server is running; it takes {model.memory} while it is used")
