"""`Fixer`: a deterministic edit for a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.analyzers.finding import Finding, Fix

    from .source import Source


@dataclass(frozen=True, slots=True)
class Fixer:
    """`fix` returns one fix or several alternatives, best first, or raises Decline with the reason."""

    name: str
    codes: frozenset[str]
    """bandit ids."""
    fix: Callable[[Source, Finding], list[Fix]]
    not_applied: str
    """When the fixer declines, in one sentence for the documentation."""
