"""Whether litellm is there where a model needs it: some installations leave it out, for its size."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .editor_model import is_editor_model

if TYPE_CHECKING:
    from codefactory.pipelines.settings import ModelSettings

MISSING = (
    "codefactory.model.name names a provider that only litellm can talk to, and litellm is not installed with this "
    "server. No model is asked. Install it with `python -m pip install litellm` in the server's Python."
)


def is_missing(settings: ModelSettings) -> bool:
    """Whether a model is set that cannot be asked for want of litellm."""
    from codefactory.pipelines.models import is_direct
    from codefactory.pipelines.models.configured import NONE, is_on_this_machine

    name = settings.name
    if name is None or name == NONE or is_editor_model(name) or is_on_this_machine(name):
        return False
    return not is_direct(name, settings.api_base) and not has_litellm()


@lru_cache(maxsize=1)
def has_litellm() -> bool:
    """Without importing it, which takes seconds."""
    return find_spec("litellm") is not None
