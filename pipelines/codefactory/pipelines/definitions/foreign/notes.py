"""What an import could not carry over, as findings at the place in the foreign file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding
    from codefactory.pipelines.definitions.source import Level, Source

Where = tuple[str | int, ...]


@dataclass(slots=True)
class Notes:
    """The state of one import."""

    source: Source
    findings: list[Finding] = field(default_factory=list["Finding"])
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Foreign name of a step → ours."""
    variables: dict[str, str] = field(default_factory=dict[str, str])
    """Variable → the expression that gives its value now."""
    loop_names: dict[str, str] = field(default_factory=dict[str, str])
    """Names that a loop's body knows → ours."""
    files: dict[str, str] = field(default_factory=dict[str, str])
    """Input → the file whose content a prompt wants."""
    functions: dict[str, Any] = field(default_factory=dict[str, Any])

    def lost(self, what: str, where: Where, *, severity: Level = "medium") -> None:
        """Say that something is not in the result. High: the result would do something else without a look at it."""
        self.findings.append(self.source.finding("not-carried-over", what, where, key=True, severity=severity))

    def leftovers(self, step: dict[str, Any], used: set[str], where: Where) -> None:
        """Name the keys that no rule has read."""
        for key in step:
            if key not in used:
                self.lost(f"`{key}` has no counterpart and is left out.", (*where, key))

    def name(self, foreign: str) -> str:
        """A name of ours for a foreign step: a word that expressions can use, unlike the others."""
        if foreign in self.names:
            return self.names[foreign]
        word = re.sub(r"\W+", "_", foreign.strip()).strip("_")[:60] or "step"
        word = f"s_{word}" if not re.match(r"[A-Za-z_]", word) else word
        number, unique = 1, word
        while unique in self.names.values():
            number += 1
            unique = f"{word}_{number}"
        self.names[foreign] = unique
        return unique
