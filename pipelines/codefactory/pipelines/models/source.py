"""`ModelSource`: where the steps of a run get their models from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from .connect import FILES
from .model import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.settings import Settings

    from .model import Model


class ModelSource(Protocol):
    async def __call__(self, name: str | None) -> Model:
        """The model that a pipeline names; None: the user's. Raises ModelError when there is none."""
        ...


def fixed(model: Model) -> ModelSource:
    """One model for all, whatever is named."""

    async def source(name: str | None) -> Model:
        del name
        return model

    return source


def models_of(settings: Settings) -> ModelSource:
    """By what the user has set. A pipeline that names another provider's model gets neither the address nor the key,
    nor the headers, that are set for the user's."""
    made: dict[str | None, Model] = {}

    async def source(name: str | None) -> Model:
        name = None if name == settings.model.name else name
        if name not in made:
            made[name] = await asyncio.to_thread(_accounted, await _make(settings, name), settings)
        return made[name]

    return source


def _accounted(model: Model, settings: Settings) -> Model:
    """With its calls in the user's ledger, and held by the limits of a day and of the workspace one is in."""
    from pathlib import Path

    from codefactory.pipelines.ledger import Account, AccountedModel, Limits, default_store
    from codefactory.pipelines.project import find_root

    account = Account(default_store(), str(find_root(Path.cwd())), "pipelines", Limits.of(settings.budget))
    return AccountedModel(model, account, "code")


async def _make(settings: Settings, name: str | None) -> Model:
    from .configured import choose_model, make_model

    own = settings.model
    if name is None:
        choice = await choose_model(settings)
        if choice.model is None:
            raise ModelError("fatal", choice.why)
        return choice.model
    provider = name.partition("/")[0]
    if provider in FILES:
        raise ModelError("fatal", f"{name}: only your own settings or --model may name a file of replies.")
    if own.name is not None and provider == own.name.partition("/")[0]:
        model = make_model(own.model_copy(update={"name": name}), local=settings.local)
    else:
        foreign: dict[str, object] = {
            "name": name,
            "api_base": None,
            "api_key": None,
            "api_key_env": None,
            "headers": {},
        }
        model = make_model(own.model_copy(update=foreign), local=settings.local)
    if model is None:
        raise ModelError("fatal", f"{name}: models are turned off by codefactory.model.name.")
    return model


def read_when_needed(read: Callable[[], ModelSource]) -> ModelSource:
    """`read()`, in a thread, when a model is first asked for: most runs ask none."""
    found: list[ModelSource] = []

    async def source(name: str | None) -> Model:
        if not found:
            found.append(await asyncio.to_thread(read))
        return await found[0](name)

    return source


def users_models() -> ModelSource:
    """By the user's own settings."""

    def read() -> ModelSource:
        from codefactory.pipelines.settings import resolve, user_layer

        return models_of(resolve((user_layer()[0],))[0])

    return read_when_needed(read)
