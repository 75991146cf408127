"""`repair()`: findings become a proposal, or an honest refusal.

First the deterministic fixers, in passes, since one fix can make room for another (`fixes`). Then, for what they could
not decide and if there is a model, rounds of: ask → apply the reply → analyze → gate; a refusal goes back to the model
as feedback (`rounds`). Whatever is returned as a `Proposal` has been accepted by the gate as a whole, against the text
the user has.
"""

from .estimate import estimate_repair
from .repair import repair
from .surroundings import project_tests, uses_elsewhere
from .workbench import Progress, ProjectTests

__all__ = ["Progress", "ProjectTests", "estimate_repair", "project_tests", "repair", "uses_elsewhere"]
