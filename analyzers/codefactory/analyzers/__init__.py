"""What knows code: analyzers, fixers, text. No model, no network, no LSP, no pipeline.

from codefactory.analyzers import Analyzers, Snapshot

analyzers = Analyzers()
analysis = analyzers.analyze(Snapshot("file:///app.py", "import os\\n", "python"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis import ANALYZERS, Analyzers, Options
    from .cancellation import Cancellation, CancelledError
    from .document import Snapshot, language_of
    from .finding import Analysis, Confidence, Finding, Fix, Problem, Safety, Severity
    from .text import Encoding, Position, Span, Text, TextEdit

__all__ = [
    "ANALYZERS",
    "Analysis",
    "Analyzers",
    "Cancellation",
    "CancelledError",
    "Confidence",
    "Encoding",
    "Finding",
    "Fix",
    "Options",
    "Position",
    "Problem",
    "Safety",
    "Severity",
    "Snapshot",
    "Span",
    "Text",
    "TextEdit",
    "language_of",
]

_MODULES = {
    "analysis": ("ANALYZERS", "Analyzers", "Options"),
    "cancellation": ("Cancellation", "CancelledError"),
    "document": ("Snapshot", "language_of"),
    "finding": ("Analysis", "Confidence", "Finding", "Fix", "Problem", "Safety", "Severity"),
    "text": ("Encoding", "Position", "Span", "Text", "TextEdit"),
}


def __getattr__(name: str) -> Any:
    """Modules are imported when something in them is asked for: a worker process that reads imports, or a command that
    only shows a pipeline, would otherwise load all analyzers at its start."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
