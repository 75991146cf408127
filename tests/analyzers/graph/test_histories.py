"""In every language a graph that was changed file by file is the one that a fresh build gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers.graph import DependencyGraph, MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORLDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "typescript": (
        ("a.ts", "a.js", "a.d.ts", "a/index.ts", "lib/b.tsx", "lib/index.js", "lib/package.json", "tsconfig.json"),
        ('import "./a"', 'import {x} from "./a.js"', 'import "@/b"', 'import "lib"', 'export * from "../a"',
         '{"name": "lib", "main": "b"}', '{"compilerOptions": {"paths": {"@/*": ["lib/*"]}}}'),
    ),
    "go": (
        ("go.mod", "main.go", "p/a.go", "p/b.go", "p/b_test.go", "p/q/c.go", "vendor/m/p/v.go", "q/go.mod"),
        ("module m", "module m/q", "module m\nreplace m/p => ./p/q", 'package p\nimport "m/p"', "package p",
         '//go:build ignore\n\npackage p\nimport "m/p/q"', 'package q\nimport ("m"; "m/p/q")'),
    ),
    "java": (
        ("p/A.java", "p/B.java", "p/C.java", "q/A.java", "q/D.java", "D.java"),
        ("package p; class A { B b; }", "package p; class B extends A { q.r.s.D d; }",
         "package q; import p.*; class D { A a; C c; }",
         "package q; class A {} class C {}", "import q.D; import p.A; class X { D d; }", "package q.r.s; class D {}"),
    ),
    "rust": (
        ("Cargo.toml", "src/lib.rs", "src/a.rs", "src/a/b.rs", "src/b/mod.rs", "src/main.rs", "x/Cargo.toml",
         "x/src/lib.rs"),
        ("[package]\nname = 'm'", "[package]\nname = 'x'", "mod a; mod b; use a::b;", "pub mod b; use super::b::X;",
         '#[path = "a/b.rs"] mod c; use c::X;', "use x::a; use m::a::b;", "use crate::a::b::{self, Y};",
         "mod a { pub mod b; }"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", WORLDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_history_ends_in_the_graph_of_a_fresh_build(language: str, data: st.DataObject) -> None:
    paths, texts = WORLDS[language]
    steps = st.tuples(st.sampled_from(paths), st.none() | st.sampled_from(texts))
    files = MemoryFiles(data.draw(st.dictionaries(st.sampled_from(paths), st.sampled_from(texts), max_size=6)))
    graph = DependencyGraph.build(files)
    for path, text in data.draw(st.lists(steps, max_size=8)):
        if text is None:
            files.files.pop(path, None)
            graph.remove(path)
        else:
            files.files[path] = text
            graph.update(path, text)
    fresh = DependencyGraph.build(files)
    assert graph.state() == fresh.state()
    assert graph.edges() == fresh.edges()
    for path in fresh.files:
        assert graph.dependents(path) == fresh.dependents(path)
