"""Which model this server asks where the settings name none: see `pipelines.models.configured`."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from .editor_model import EditorModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.models import Model
    from codefactory.pipelines.models.configured import Choice
    from codefactory.pipelines.settings import Settings

    from .client import Client


REMEMBERED_S = 30.0


class ModelChoice:
    """For the event loop only."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._default: Choice | None = None
        """What was chosen last, where nothing was named; None before anybody looked."""
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()
        """So that whoever comes meanwhile waits for what is seen."""

    def name(self, settings: Settings) -> str | None:
        """Of the model that would be asked, by what is known so far. Asks nobody and reads nothing."""
        name = _named(settings)
        if name is not None:
            return None if name == "none" else name
        return self._default.name if self._default is not None else None

    def why(self, settings: Settings) -> str | None:
        """Why that one, or how to get one; None where nobody has looked yet."""
        if _named(settings) is not None:
            return "named in the settings"
        return self._default.why if self._default is not None else None

    async def choose(self, settings: Settings) -> Choice:
        """A model is about to be needed: servers on this machine are looked for. Raises ModelError."""
        from codefactory.pipelines.models.configured import choose_model

        choice = await choose_model(settings, editor=self.editor(settings), editor_allowed=self._editor_allowed)
        if _named(settings) is None:
            self._default, self._looked_s = choice, time.monotonic()
        return choice

    async def remember(self, settings: Settings) -> None:
        """See what is here already, without asking any server; not again within a while."""
        if _named(settings) is not None:
            return
        async with self._looking:
            if time.monotonic() - self._looked_s > REMEMBERED_S:
                self._default = await asyncio.to_thread(self._known, settings)
                self._looked_s = time.monotonic()

    def editor(self, settings: Settings) -> Callable[[str], Model]:
        """A model of the editor's, by its name."""
        return lambda name: EditorModel(name, self._client, settings.model.timeout_s)

    def close(self) -> None:
        """End the processes of embedded models. Quick, from any thread."""
        embedded = sys.modules.get("codefactory.pipelines.models.embedded")
        close_all = getattr(embedded, "close_all", None)
        if close_all is not None:  # None also while a thread still imports it: then no process runs yet
            close_all()

    def _known(self, settings: Settings) -> Choice:
        from codefactory.pipelines.models.configured import known_model

        return known_model(settings, editor=self.editor(settings), editor_allowed=self._editor_allowed)

    @property
    def _editor_allowed(self) -> bool:
        return self._client.capabilities.editor_model_allowed


def _named(settings: Settings) -> str | None:
    from codefactory.pipelines.models.configured import named

    return named(settings)
