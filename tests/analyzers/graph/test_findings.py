"""Findings about imports."""

from __future__ import annotations

import pytest
from graph_tables import graph_of

from codefactory.analyzers.graph import DependencyGraph, MemoryFiles
from codefactory.analyzers.graph.findings import Cycles, import_findings


def said(graph: DependencyGraph, path: str, cycles: Cycles | None = None) -> list[str]:
    """ "line:column-column message" of each."""
    return [
        f"{f.span.start.line}:{f.span.start.column}-{f.span.end.column} {f.message}"
        for f in import_findings(graph, path, cycles)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import p.gone\n", ["0:7-13 Nothing in this workspace answers to 'p.gone'."]),
        ("from p.gone import a, b\n", ["0:5-11 Nothing in this workspace answers to 'p.gone'."]),
        ("from .gone import a\n", ["0:5-10 Nothing in this workspace answers to '.gone'."]),
        ("x = '𝒳日'; import p.gone\n", ["0:17-23 Nothing in this workspace answers to 'p.gone'."]),
        ("import json, yaml, p\nfrom p import anything\n", []),
        ("import (\n", []),
        ("", []),
    ],
)
def test_unresolved(text: str, expected: list[str]) -> None:
    assert said(graph_of({"main.py": text, "p/__init__.py": ""}), "main.py") == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.py": "import b\n", "b.py": "import a\n"}, ["0:7-8 Import cycle: a.py → b.py → a.py."]),
        (
            {"a.py": "import b\n", "b.py": "import c\n", "c.py": "import a, b\n"},
            ["0:7-8 Import cycle: a.py → b.py → c.py → a.py."],
        ),
        (
            {"a.py": "from p import b\n", "p/__init__.py": "", "p/b.py": "import a\n"},
            ["0:14-15 Import cycle: a.py → p/b.py → a.py."],
        ),
        ({"a.py": "import b\n", "b.py": "def f():\n    import a\n"}, []),
        ({"a.py": "import b, c\n", "b.py": "import c\n", "c.py": ""}, []),
        ({"a.py": "import a\n"}, []),
        (
            {f"{n}.py": "" for n in "bx"}
            | {n + ".py": f"import {m}\n" for n, m in zip("abcdefgh", "bcdefgha", strict=True)},
            ["0:7-8 Import cycle: a.py → b.py → c.py → d.py → e.py → 3 more → a.py."],
        ),
    ],
)
def test_cycles(files: dict[str, str], expected: list[str]) -> None:
    graph = graph_of(files)
    assert said(graph, "a.py", Cycles(graph)) == expected
    assert said(graph, "a.py") == []


def test_cycles_are_current_when_told_of_changes() -> None:
    files = MemoryFiles({"a.py": "import b\n", "b.py": "import a\n", "c.py": ""})
    graph = DependencyGraph.build(files)
    cycles = Cycles(graph)
    assert cycles.groups == (("a.py", "b.py"),)
    for path, text, expected in (
        ("b.py", "# a line\nimport a\n", (("a.py", "b.py"),)),
        ("b.py", "import c\n", ()),
        ("c.py", "import a\n", (("a.py", "b.py", "c.py"),)),
        ("c.py", "import a, b\n", (("a.py", "b.py", "c.py"),)),
        ("b.py", "", ()),
    ):
        cycles.changed(graph.update(path, text))
        assert cycles.groups == graph.cycles() == expected
    cycles.changed(graph.remove("a.py"))
    assert cycles.groups == graph.cycles()
