"""Seconds that aider's repository map takes: cold, again, after one edit.

Run in the tree, by a Python that has aider.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from aider.io import InputOutput
from aider.repomap import RepoMap


class _Model:
    """Stands in for a language model: aider asks it only how many tokens a text has."""

    def token_count(self, text: str) -> int:
        return len(text) // 4


def measured(files: list[str]) -> float:
    started = time.perf_counter()
    repository_map = RepoMap(map_tokens=1024, root=".", main_model=_Model(), io=InputOutput(yes=True, pretty=False))
    repository_map.get_ranked_tags_map([], files)
    return time.perf_counter() - started


names = sorted(str(p) for p in Path().rglob("*.py"))
for cache in Path().glob(".aider.tags.cache*"):
    shutil.rmtree(cache)
cold = measured(names)
warm = measured(names)
edited = Path(sys.argv[1])
text = edited.read_text()
try:
    edited.write_text(text + "\n# edited\n")
    edit = measured(names)
finally:
    edited.write_text(text)
json.dump({"cold": cold, "warm": warm, "edit": edit}, sys.stdout)
