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


def models_of(settings: Settings, api_key: str | None = None) -> ModelSource:
    """By what the user has set. A pipeline that names another provider's model gets neither the address nor the key,
    nor the headers, that are set for the user's."""
    made: dict[str | None, Model] = {}

    async def source(name: str | None) -> Model:
        name = None if name == settings.model.name else name
        if name not in made:
            made[name] = await _make(settings, name, api_key)
        return made[name]

    return source


async def _make(settings: Settings, name: str | None, api_key: str | None) -> Model:
    from .configured import make_model

    own = settings.model
    if name is None:
        model = make_model(own, api_key)
        if model is None:
            raise ModelError("fatal", "No model is set. Set codefactory.model.name, or name a model in the step.")
        return model
    provider = name.partition("/")[0]
    if provider in FILES:
        raise ModelError("fatal", f"{name}: only your own settings or --model may name a file of replies.")
    if own.name is not None and provider == own.name.partition("/")[0]:
        model = make_model(own.model_copy(update={"name": name}), api_key)
    else:
        foreign: dict[str, object] = {
            "name": name,
            "api_base": None,
            "api_key": None,
            "api_key_env": None,
            "headers": {},
        }
        model = make_model(own.model_copy(update=foreign))
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
