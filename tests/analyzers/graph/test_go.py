"""Go imports: a package is a folder."""

from __future__ import annotations

import pytest
from graph_tables import edges_of, graph_of

from codefactory.analyzers.graph.symbols import outline

TREE = {
    "go.mod": "module example.com/app\n\ngo 1.21\n\nrequire other.org/x v1.0.0\n\n"
    "replace (\n\tother.org/x v1.0.0 => ./forks/x // local\n)\nreplace third.org/y => ../y\n",
    "main.go": "package main",
    "store/a.go": "package store",
    "store/b_linux.go": "//go:build linux\n\npackage store",
    "store/gen.go": "//go:build ignore\n\npackage main",
    "store/a_test.go": "package store",
    "store/internal/deep.go": "package deep",
    "forks/x/x.go": "package x",
    "vendor/v.io/w/w.go": "package w",
    "tools/go.mod": "module example.com/app/tools",
    "tools/t.go": "package tools",
    "empty/readme.md": "",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('import "example.com/app/store"', ["import example.com/app/store -> store/a.go store/b_linux.go"]),
        ('import ( s "example.com/app/store/internal"\n . "example.com/app" )', [
            "import example.com/app/store/internal -> store/internal/deep.go", "import example.com/app -> main.go",
        ]),
        ("import _ `example.com/app/tools`", ["import example.com/app/tools -> tools/t.go"]),
        ('import "other.org/x"', ["import other.org/x -> forks/x/x.go"]),
        ('import "third.org/y"', ["import third.org/y -> (external)"]),
        ('import "v.io/w"', ["import v.io/w -> vendor/v.io/w/w.go"]),
        ('import "../store/internal"', ["import ../store/internal -> store/internal/deep.go"]),
        ('import "example.com/app/nope"', ["import example.com/app/nope -> (no such file)"]),
        ('import ("fmt"; "C"; "github.com/a/b")', [
            "import fmt -> (standard library)", "import C -> (standard library)", "import github.com/a/b -> (external)",
        ]),
        ('var s = "import \\"fmt\\""\nfunc f() { _ = `import "fmt"` }', []),
    ],
)  # fmt: skip
def test_imports(source: str, expected: list[str]) -> None:
    graph = graph_of(TREE | {"cmd/user.go": f"// Doc.\npackage main\n\n{source}\n"})
    assert edges_of(graph, "cmd/user.go") == expected


def test_a_package_gains_and_loses_files_without_its_importers_being_touched() -> None:
    graph = graph_of(TREE | {"main.go": 'package main\nimport "example.com/app/store"'})
    graph.update("store/new.go", "package store")
    assert graph.dependencies("main.go") == ("store/a.go", "store/b_linux.go", "store/new.go")
    assert graph.dependents("store/new.go") == ("main.go",)
    graph.remove("store/a.go")
    assert graph.dependencies("main.go") == ("store/b_linux.go", "store/new.go")
    graph.update("store/new.go", "//go:build ignore\n\npackage store")
    assert graph.dependencies("main.go") == ("store/b_linux.go",)


def test_the_last_file_of_a_package_and_the_first() -> None:
    graph = graph_of({"go.mod": "module m", "main.go": 'package main\nimport "m/p"'})
    assert edges_of(graph, "main.go") == ["import m/p -> (no such file)"]
    graph.update("p/p.go", "package p")
    assert graph.dependencies("main.go") == ("p/p.go",)
    graph.remove("p/p.go")
    assert edges_of(graph, "main.go") == ["import m/p -> (no such file)"]


def test_outline() -> None:
    source = (
        "package a\nconst X = 1\ntype T struct {\n\tA int\n}\nfunc (t *T) M(a int) (int, error) {\n\treturn 1, nil\n}\n"
    )
    assert outline("a.go", source) == (
        "const X = 1\ntype T struct {\n\tA int\n}\nfunc (t *T) M(a int) (int, error) …\n"
    )
