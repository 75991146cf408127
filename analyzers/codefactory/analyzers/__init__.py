"""What knows code: analyzers, fixers, text. No model, no network, no LSP, no pipeline.

from codefactory.analyzers import Analyzers, Snapshot

analyzers = Analyzers()
analysis = analyzers.analyze(Snapshot("file:///app.py", "import os\\n", "python"))
"""

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
