"""Damaged and malicious texts in every language: the graph stands, and edits end where a fresh parse does."""

from __future__ import annotations

import threading

import pytest
from graph_tables import graph_of
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers.graph import DependencyGraph, MemoryFiles

SAMPLES = {
    "a.py": "from .b import (c, d as e, # f\n  g)\nimport b.c as x\nif TYPE_CHECKING:\n    import_module('b', '.')\n",
    "a.ts": "import d, {x as y, type T} from './b';\nexport * from \"./b\"; let t: import('./b').T; require('./b')\n",
    "a.tsx": "import {a} from './b'; const x = <div>{import('./b')}</div>;\n",
    "a.js": "const {a} = require('./b'); import('./b'); export {a} from './b'\n",
    "a.go": '//go:build linux\npackage a\nimport (\n\tb "m/b"\n\t_ `m/c`\n)\nfunc f() { b.C() }\n',
    "A.java": "package p.q; import p.q.B; import static p.q.B.c; import p.*; class A<T> extends B { p.q.C d; E e; }\n",
    "src/lib.rs": '#[path = "b.rs"] mod a; use crate::{a::{self, b as c, *}, d};\n'
    "cfg_if! { mod e; }\nfn f() { super::g() }\n",
}
CONFIGURATIONS = {
    "go.mod": "module m\n",
    "Cargo.toml": "[package]\nname='m'\n",
    "b.ts": "",
    "b/b.py": "",
    "src/b.rs": "",
}


@pytest.mark.parametrize("path", SAMPLES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_text_never_breaks_the_graph(path: str, data: st.DataObject) -> None:
    text = SAMPLES[path]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        removed = data.draw(st.integers(0, 12))
        text = (
            text[:at]
            + data.draw(st.sampled_from(["", "\n", "{", ")", "'", "\\", "::", "é🐍", "\r", "*/", "from"]))
            + text[at + removed :]
        )
    graph = graph_of(CONFIGURATIONS | {path: SAMPLES[path]})
    graph.update(path, SAMPLES[path] + "\n")
    graph.update(path, text)
    fresh = graph_of(CONFIGURATIONS | {path: text.encode("utf-8")})
    assert graph.problems == fresh.problems == ()
    assert graph.imports(path) == fresh.imports(path)


@pytest.mark.parametrize("path", SAMPLES)
@given(content=st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_random_bytes_never_break_the_graph(path: str, content: bytes) -> None:
    assert graph_of(CONFIGURATIONS | {path: content}).files


@pytest.mark.parametrize("path", SAMPLES)
@pytest.mark.parametrize("opening", ["(", "{", "[", "<div>", "mod a {", "import {", "class A {", "if x:\n ", '"'])
def test_deep_nesting(path: str, opening: str) -> None:
    graph = graph_of(CONFIGURATIONS | {path: SAMPLES[path] + opening * 3_000})
    assert path in graph
    assert graph.problems == ()


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ("go.mod", "module \nreplace x => ../../../../etc\n"),
        ("Cargo.toml", "[package]\nname = 3\nbuild = []\n[lib]\npath = 7\n[[bin]]\npath = '/etc/passwd'\n[[test]]\n"),
        ("package.json", '{"name": [], "main": {}, "exports": {"./*": [[["./*"]]], ".": 1}, "imports": "x"}'),
        ("package.json", '{"name": "x", "exports": ' + '{"a":' * 500 + "1" + "}" * 500 + "}"),
        ("tsconfig.json", '{"extends": 3, "references": [1, {"path": []}]}'),
        ("tsconfig.json", '{"compilerOptions": {"baseUrl": [], "paths": {"*": 1, "a*b*": ["*"]}}}'),
        ("tsconfig.json", '{"extends": "./tsconfig.json", "references": [{"path": "./tsconfig.json"}]}'),
        ("pyproject.toml", "[tool.setuptools]\npackages = 1\n[tool.hatch.build]\ndev-mode-dirs = ['../../..', 3]\n"),
        ("pyproject.toml", "[tool.pytest]\nini_options = ['x']\n[tool.poetry]\npackages = [1, {from = 2}]\n"),
    ],
)  # fmt: skip
def test_strange_configurations(configuration: str, text: str) -> None:
    graph = graph_of(CONFIGURATIONS | SAMPLES | {configuration: text})
    assert set(SAMPLES) <= set(graph.files)


def test_the_newest_text_wins_whatever_order_threads_end_in() -> None:
    graph = DependencyGraph.build(MemoryFiles({"a.py": "", "b.py": "", "c.py": ""}))
    for _ in range(20):
        big = threading.Thread(target=graph.update, args=("a.py", "import b\n" + "x = 1\n" * 3_000))
        big.start()
        graph.update("a.py", "import c\n")
        big.join()
        last = graph.dependencies("a.py")
        assert last in (("b.py",), ("c.py",))
        graph.update("a.py", "import b, c\n")
        assert graph.dependencies("a.py") == ("b.py", "c.py")
