"""The model that the settings name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.pipelines.settings import ModelSettings

    from .model import Model


def make_model(settings: ModelSettings, api_key: str | None = None) -> Model | None:
    """None when no model is set. `api_key`: from an editor's secret storage; it wins over the settings. Nothing
    heavy is imported before the model is asked."""
    if settings.name is None:
        return None
    from .connect import connect

    key = api_key
    if key is None and settings.api_key is not None:
        key = settings.api_key.get_secret_value()
    if key is None and settings.api_key_env is not None:
        key = os.environ.get(settings.api_key_env)
    return connect(
        settings.name,
        api_base=settings.api_base,
        api_key=key,
        timeout_s=settings.timeout_s,
        headers={name: value.get_secret_value() for name, value in settings.headers.items()},
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
    )
