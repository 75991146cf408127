"""Java: imports, and the types that a file names without importing them."""

from __future__ import annotations

import pytest
from graph_tables import edges_of, graph_of

from codefactory.analyzers.graph.symbols import outline

TREE = {
    "src/a/One.java": "package a; class One {} class Second {}",
    "src/a/Two.java": "package a; public class Two { static class Inner {} }",
    "src/b/Three.java": "package b; public interface Three { int LIMIT = 1; }",
    "src/b/One.java": "package b; public class One {}",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import b.Three;", {"src/b/Three.java"}),
        ("import a.Two.Inner;", {"src/a/Two.java"}),
        ("import static b.Three.LIMIT;", {"src/b/Three.java"}),
        ("import static b.Three.*;", {"src/b/Three.java"}),
        ("import /* c */ b . Three ;", {"src/b/Three.java"}),
        ("class X extends Two {}", {"src/a/Two.java"}),
        ("class X { Second s; }", {"src/a/One.java"}),
        ("import b.*; class X { Three t; One o; }", {"src/b/Three.java", "src/a/One.java"}),
        ("import b.One; class X { One o; }", {"src/b/One.java"}),
        ("class X { b.Three t; }", set()),
        ("class X { Object o = b.c.Three.x(); }", set()),
        (
            "class X { void m() { Two.go(); One[] x; Object y = (Two.Inner) null; } }",
            {"src/a/Two.java", "src/a/One.java"},
        ),
        ("class X<Two> { Two t; }", set()),
        ("class X { Object Two = new Two(); }", {"src/a/Two.java"}),
        ("class X { Two t; class Two {} }", set()),
        ('class X { String s = "Two"; /* Two */ } // Two', set()),
        ("@Two class X {}", {"src/a/Two.java"}),
        ("import java.util.List; import org.other.Thing; import b.Nope;", set()),
        ("class X { void m( { Two t; }", {"src/a/Two.java"}),
    ],
)
def test_dependencies(source: str, expected: set[str]) -> None:
    graph = graph_of(TREE | {"src/a/User.java": f"package a; {source}"})
    assert set(graph.dependencies("src/a/User.java")) == expected


def test_a_fully_qualified_name() -> None:
    files = {"x/y/z/T.java": "package x.y.z; class T {}", "U.java": "class U { x.y.z.T t = x.y.z.T.make(); }"}
    assert graph_of(files).dependencies("U.java") == ("x/y/z/T.java",)


def test_reasons() -> None:
    graph = graph_of(
        TREE | {"src/a/U.java": "package a; import java.util.List; import org.o.T; import b.Nope; import b.*;"}
    )
    assert edges_of(graph, "src/a/U.java") == [
        "import java.util.List -> (standard library)",
        "import org.o.T -> (external)",
        "import b.Nope -> (no such file)",
        "import b:* -> (a folder without a file of its own)",
    ]


def test_a_type_that_moves_to_another_file() -> None:
    graph = graph_of(TREE | {"src/a/U.java": "package a; class U { Second s; }"})
    graph.update("src/a/One.java", "package a; class One {}")
    assert graph.dependencies("src/a/U.java") == ()
    graph.update("src/a/Two.java", "package a; public class Two {} class Second {}")
    assert graph.dependencies("src/a/U.java") == ("src/a/Two.java",)


def test_the_nearest_of_two_declarations_is_meant() -> None:
    files = {f"{m}/src/p/{n}.java": f"package p; class {n} {{ Same s; }}" for m in ("x", "y") for n in ("User", "Same")}
    graph = graph_of(files)
    assert graph.dependencies("x/src/p/User.java") == ("x/src/p/Same.java",)
    assert graph.dependencies("y/src/p/User.java") == ("y/src/p/Same.java",)


def test_outline() -> None:
    source = (
        "package a;\npublic class T<X> extends B {\n  private int n = 1;\n"
        "  @Override\n  int m(int a) {\n    return 1;\n  }\n}\n"
    )
    assert outline("T.java", source) == (
        "public class T<X> extends B\n  private int n = 1;\n  @Override\n  int m(int a) …\n"
    )
