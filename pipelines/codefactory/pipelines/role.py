"""`Role`: the job that a model is asked to do."""

from __future__ import annotations

from typing import Literal

Role = Literal["nlp", "code", "qa", "improve", "chat"]
"""`nlp`: plain words to requirements; `code`: writing; `qa`: tests and reviews; `improve`: repairs."""
