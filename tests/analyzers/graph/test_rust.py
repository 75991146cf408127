"""Rust: the tree of modules, and paths through it."""

from __future__ import annotations

import pytest
from graph_tables import edges_of, graph_of

from codefactory.analyzers.graph.symbols import outline

TREE = {
    "Cargo.toml": '[package]\nname = "my-app"\n[workspace]\nmembers = ["lib"]',
    "src/lib.rs": 'pub mod a;\nmod b;\n#[path = "odd/place.rs"]\nmod c;\nmod inline { pub mod deep; }\n'
    "mod user;\nmod gone;",
    "src/a.rs": "pub mod child;",
    "src/a/child.rs": "",
    "src/b/mod.rs": "mod child;",
    "src/b/child.rs": "",
    "src/odd/place.rs": "",
    "src/inline/deep.rs": "",
    "lib/Cargo.toml": '[package]\nname = "helper-lib"',
    "lib/src/lib.rs": "pub mod tools;",
    "lib/src/tools.rs": "",
    "src/table.in.rs": "",
}


def test_modules() -> None:
    graph = graph_of(TREE)
    assert edges_of(graph, "src/lib.rs") == [
        "module a -> src/a.rs",
        "module b -> src/b/mod.rs",
        "module c:odd/place.rs -> src/odd/place.rs",
        "module inline::deep -> src/inline/deep.rs",
        "module user -> (no such file)",
        "module gone -> (no such file)",
    ]
    assert graph.dependencies("src/b/mod.rs") == ("src/b/child.rs",)
    assert graph.dependencies("src/a.rs") == ("src/a/child.rs",)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("use crate::a::child::Thing;", ["import crate::a::child:Thing -> src/a/child.rs"]),
        ("use crate::a::{self, child::{X as Y, *}, Item};", [
            "import crate:a -> src/a.rs", "import crate::a::child:X -> src/a/child.rs",
            "import crate::a::child:* -> src/a/child.rs", "import crate::a:Item -> src/a.rs",
        ]),
        ("pub use super::b::child;", ["re-export super::b:child -> src/b/child.rs"]),
        ("pub(crate) use crate::c::X;", ["re-export crate::c:X -> src/odd/place.rs"]),
        ("use super::inline::deep::f;", ["import super::inline::deep:f -> src/inline/deep.rs"]),
        ("use super::inline::X;", ["import super::inline:X -> src/lib.rs"]),
        ("use helper_lib::tools::run;", ["import helper_lib::tools:run -> lib/src/tools.rs"]),
        ("use ::helper_lib::X;", ["import ::helper_lib:X -> lib/src/lib.rs"]),
        ("extern crate helper_lib as h;", ["import ::helper_lib -> lib/src/lib.rs"]),
        ("use std::io; use serde::S;", ["import std:io -> (standard library)", "import serde:S -> (external)"]),
        ("fn f() { use crate::a::X; }", ["lazy crate::a:X -> src/a.rs"]),
        ("mod tests { use super::X; use super::super::a; }", [
            "import self:X -> (the file itself)", "import super:a -> src/a.rs",
        ]),
        ("fn f() -> crate::a::T { super::b::g() }", [
            "reference crate::a:T -> src/a.rs", "reference super::b:g -> src/b/mod.rs",
        ]),
        ("use r#a::X; // use crate::b;\nconst S: &str = \"use crate::b;\";", ["import a:X -> src/a.rs"]),
        ('include!("table.in.rs");', ["module include!:table.in.rs -> src/table.in.rs"]),
        ("macro_rules! m { () => { use crate::a; mod q; } }", []),
        ("cfg_if! { if #[cfg(x)] { use crate::a::X; } }", ["import crate::a:X -> src/a.rs"]),
        ("use crate::{", []),
        ("use {crate::a::X, super::b::Y};", ["import crate::a:X -> src/a.rs", "import super::b:Y -> src/b/mod.rs"]),
    ],
)  # fmt: skip
def test_uses(source: str, expected: list[str]) -> None:
    graph = graph_of(TREE | {"src/user.rs": source})
    assert edges_of(graph, "src/user.rs") == expected


def test_a_declaration_that_is_typed_brings_the_file_into_the_tree() -> None:
    graph = graph_of(TREE | {"src/new.rs": "use super::a;", "src/user.rs": "use crate::new::X;"})
    assert graph.dependencies("src/user.rs") == ("src/lib.rs",)
    graph.update("src/lib.rs", "pub mod a; mod user; mod new;")
    assert graph.dependencies("src/user.rs") == ("src/new.rs",)
    assert graph.dependencies("src/new.rs") == ("src/a.rs",)


def test_other_targets_of_a_package() -> None:
    graph = graph_of(
        TREE
        | {
            "tests/it/main.rs": "mod common;\nuse my_app::a;",
            "tests/it/common.rs": "",
            "src/bin/tool.rs": "use my_app::b;",
        }
    )
    assert graph.dependencies("tests/it/main.rs") == ("src/a.rs", "tests/it/common.rs")
    assert graph.dependencies("src/bin/tool.rs") == ("src/b/mod.rs",)


@pytest.mark.parametrize(
    "source", ["mod a;\n" * 2000, '#[path = "lib.rs"] mod me;', "use " + "a::" * 5000 + "b;", "use " + "{" * 5000]
)
def test_hostile_modules_end(source: str) -> None:
    graph = graph_of({"Cargo.toml": "[package]\nname='x'", "src/lib.rs": source, "src/a.rs": "mod a;"})
    assert len(graph) == 2


def test_outline() -> None:
    source = (
        "pub struct S<T> {\n    a: u8,\n}\nimpl<T> Foo for S<T> {\n    fn m(&self) -> u8 {\n        1\n    }\n}\n"
        "const N: u8 = 1;\n"
    )
    assert outline("a.rs", source) == (
        "pub struct S<T> {\n    a: u8,\n}\nimpl<T> Foo for S<T>\n    fn m(&self) -> u8 …\nconst N: u8 = 1;\n"
    )
