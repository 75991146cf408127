"""grimp's edges as [[file, file], ...]. Run in the folder above the package, by a Python that has grimp."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grimp

package = sys.argv[1]
sys.path.insert(0, ".")
files = {}
for path in Path(package).rglob("*.py"):
    files[".".join(path.with_suffix("").parts).removesuffix(".__init__")] = path.as_posix()
graph = grimp.build_graph(package, cache_dir=None)
edges = [
    (files[module], files[imported])
    for module in graph.modules
    for imported in graph.find_modules_directly_imported_by(module)
    if module in files and imported in files
]
json.dump(edges, sys.stdout)
