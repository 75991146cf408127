"""How settings and secrets are called."""

from __future__ import annotations

import re

_BORDER = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(name: str) -> str:
    """A name as we keep it, however it was written: `apiKey`, `api-key` and `API_KEY` are `api_key`."""
    return _BORDER.sub(r"_\1", name).replace("-", "_").lower()
