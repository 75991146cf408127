"""Frames around what a model must read as data.

A frame's tags carry a random word that does not occur in anything that is framed, so that nothing inside can close
its frame or open another.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Framing:
    """The tags of one request."""

    word: str

    @classmethod
    def around(cls, contents: Iterable[str], token: Callable[[], str] = lambda: secrets.token_hex(6)) -> Self:
        """With a word that is in none of `contents`, in whatever case."""
        folded = [content.casefold() for content in contents]
        word = token()
        while any(word.casefold() in content for content in folded):
            word = token()
        return cls(word)

    def frame(self, kind: str, content: str) -> str:
        """Raises ValueError for content that this framing was not made for."""
        if self.word.casefold() in content.casefold():
            raise ValueError("the content holds the word of its frame")
        return f"<{kind}-{self.word}>\n{content}\n</{kind}-{self.word}>"
