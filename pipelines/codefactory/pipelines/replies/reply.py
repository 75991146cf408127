"""`Reply` and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReplyFormat = Literal["blocks", "json", "diff", "code", "none"]


@dataclass(frozen=True, slots=True)
class Block:
    """Replace `search` by `replace`. Lines end in ``\\n``, whatever the reply had."""

    search: str
    replace: str
    alternatives: tuple[tuple[str, str], ...] = ()
    """Other (search, replace) readings: a line of equal signs may be the divider, or text under a heading."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The edits found in a reply."""

    format: ReplyFormat
    blocks: tuple[Block, ...] = ()
    code: tuple[str, ...] = ()
    """For "code": whole definitions or files, as written."""
    problems: tuple[str, ...] = ()
    """What could not be read, in sentences for the model."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A new text."""

    text: str
    used: tuple[int, ...]
    """The blocks (or pieces of code) that went in, counted from 1."""
    problems: tuple[str, ...] = ()
    """Why the others did not, in sentences for the model."""


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Nothing was changed."""

    feedback: str
    """For the model: which block, why, and what to write instead."""
