"""The gate: whether a candidate may be shown. Nothing is shown or applied that has not passed it.

| module | refuses |
| --- | --- |
| `judge` | what does not parse, was not checked, or repairs nothing |
| `compare`, `severity` | new findings |
| `suppression`, `silencing`, `hiding`, `literals` | findings silenced instead of repaired |
| `deletion`, `calls` | code that went instead of being repaired |
| `interface` | public names that other files use |
| `proportion` | changes out of proportion |
| `languages` | deletion and silencing in other languages than Python |

`project_tests` and `uses` touch the disk; nothing else here does, and `judge` calls neither by itself.
"""

from .candidate import Candidate, UsesElsewhere
from .compare import compare
from .judge import judge

__all__ = ["Candidate", "UsesElsewhere", "compare", "judge"]
