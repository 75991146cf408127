"""`Secrets`: the secrets that a user has said the places of."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import TYPE_CHECKING

from .sources import SecretError, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .sources import SecretSource

MIN_CHARACTERS = 4
"""Anything shorter occurs in texts by chance: it could not be masked."""


class Secrets:
    def __init__(self, sources: Mapping[str, SecretSource], workspace: Path | None = None) -> None:
        """`workspace`: files in it are refused as places of secrets."""
        self._sources = dict(sources)
        self._workspace = workspace

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._sources)

    def problem(self, name: str) -> str | None:
        """Why there is no such secret. None: there is a place for it; whether it holds a value is not looked at."""
        if name in self._sources:
            return None
        close = get_close_matches(name, self.names, n=1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        return f"the secret `{name}` has no place: say in your config.toml, under [secrets.{name}], where it is{hint}"

    async def value(self, name: str) -> str:
        """Read anew each time it is asked for, so that a secret can be replaced. Raises SecretError."""
        if problem := self.problem(name):
            raise SecretError(problem)
        value = await asyncio.to_thread(read, name, self._sources[name], self._workspace)
        if len(value) < MIN_CHARACTERS:
            raise SecretError(
                f"the secret `{name}` is shorter than {MIN_CHARACTERS} characters: it could not be masked; "
                "use a longer one"
            )
        return value
