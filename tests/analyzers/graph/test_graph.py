"""The graph as files change: it is always what a fresh build would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import git
from graph_tables import edges_of, graph_of
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers import Position
from codefactory.analyzers.graph import DependencyGraph, DiskFiles, GraphCache, MemoryFiles, OverlayFiles, Reason, diff
from codefactory.analyzers.graph.extraction import content_key
from codefactory.analyzers.graph.recency import git_recency

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "app/__init__.py": "",
    "app/a.py": "from . import b",
    "app/b.py": "import app.c",
    "app/c.py": "def f():\n    import app.a",
    "app/d.py": "from app.a import x\nimport app.missing",
}


def test_neighbours() -> None:
    graph = graph_of(FILES)
    assert graph.files == tuple(sorted(FILES))
    assert graph.dependencies("app/d.py") == ("app/a.py",)
    assert graph.dependencies("app/d.py", transitive=True) == ("app/a.py", "app/b.py", "app/c.py")
    assert graph.dependents("app/c.py") == ("app/b.py",)
    assert graph.dependents("app/c.py", transitive=True) == ("app/a.py", "app/b.py", "app/d.py")
    assert graph.dependencies("no.py") == graph.dependents("no.py") == ()
    assert [e.import_.module for e in graph.unresolved()] == ["app.missing"]


def test_the_import_at_a_position() -> None:
    graph = graph_of({"p/__init__.py": "", "p/a.py": "", "p/b.py": "", "user.py": "x = 1\nfrom p import a, b as c\n"})
    text = "from p import a, b as c"
    for word, expected in (("p import", ["p/a.py", "p/b.py"]), ("a, b", ["p/a.py"]), ("b as", ["p/b.py"]), ("c", [])):
        place = Position(1, text.rindex(word))
        assert [t for e in graph.imports_at("user.py", place) for t in e.targets] == expected
    assert graph.imports_at("user.py", Position(0, 0)) == ()


def test_a_lazy_import_makes_no_cycle_at_load_time() -> None:
    graph = graph_of(FILES)
    assert graph.cycles() == ()
    assert graph.cycles(kinds={"import", "lazy"}) == (("app/a.py", "app/b.py", "app/c.py"),)


def test_order_puts_dependencies_first() -> None:
    graph = graph_of(FILES)
    order = [path for group in graph.topological_order() for path in group]
    assert sorted(order) == list(graph.files)
    assert order.index("app/c.py") < order.index("app/b.py") < order.index("app/a.py") < order.index("app/d.py")


def test_unsaved_text_wins() -> None:
    disk = MemoryFiles({"a.py": "import b", "b.py": "", "c.py": ""})
    buffers = {"a.py": "import c"}
    graph = DependencyGraph.build(OverlayFiles(disk, buffers))
    assert graph.dependencies("a.py") == ("c.py",)
    assert graph.update("a.py", "import b, c") == {"a.py"}
    assert graph.dependencies("a.py") == ("b.py", "c.py")
    assert graph.update("a.py", "import b, c") == frozenset()
    del buffers["a.py"]
    graph.update("a.py")
    assert graph.dependencies("a.py") == ("b.py",)


def test_files_that_come_go_and_move_change_who_imports_them() -> None:
    graph = graph_of(FILES)
    assert "app/d.py" in graph.update("app/missing.py", "")
    assert graph.dependencies("app/d.py") == ("app/a.py", "app/missing.py")
    assert "app/d.py" in graph.rename("app/missing.py", "app/found.py", "")
    assert graph.dependencies("app/d.py") == ("app/a.py",)
    assert "app/a.py" in graph.remove("app/b.py")
    assert edges_of(graph, "app/a.py") == ["import .:b -> app/__init__.py"]


def test_a_new_package_file_takes_over() -> None:
    graph = graph_of({"m.py": "", "user.py": "import m"})
    graph.update("m/__init__.py", "")
    assert graph.dependencies("user.py") == ("m/__init__.py",)
    graph.remove("m/__init__.py")
    assert graph.dependencies("user.py") == ("m.py",)


def test_a_project_file_that_changes_moves_the_roots() -> None:
    files = MemoryFiles({"lib/one.py": "", "test.py": "import one", "pyproject.toml": ""})
    graph = DependencyGraph.build(files)
    assert graph.dependencies("test.py") == ()
    files.files["pyproject.toml"] = "[tool.hatch.build]\ndev-mode-dirs = ['lib']"
    graph.update("pyproject.toml")
    assert graph.dependencies("test.py") == ("lib/one.py",)
    del files.files["pyproject.toml"]
    graph.remove("pyproject.toml")
    assert graph.dependencies("test.py") == ()


def test_refresh_finds_what_git_switched() -> None:
    files = MemoryFiles(FILES)
    graph = DependencyGraph.build(files)
    before = graph.state()
    del files.files["app/b.py"]
    files.files |= {"app/c.py": "import app.e", "app/e.py": ""}
    assert graph.refresh() == {"app/b.py", "app/c.py", "app/e.py"}
    assert graph.state() == DependencyGraph.build(files).state()
    change = diff(before, graph.state())
    assert change.added_files == {"app/e.py"}
    assert change.removed_files == {"app/b.py"}
    assert ("app/c.py", "app/e.py", "import") in change.added_edges
    assert not diff(before, before)


NAMES = st.sampled_from(["a", "b", "c", "pk"])
MODULES = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
LINES = st.one_of(
    MODULES.map(lambda m: f"import {m}"),
    st.builds(lambda dots, m, n: f"from {'.' * dots}{m} import {n}", st.integers(0, 3), MODULES, NAMES),
    st.builds(lambda dots, n: f"from {'.' * dots} import {n}", st.integers(1, 3), NAMES),
    st.just("x = ("),
    st.just("é = '🐍'\r"),
)
PATHS = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(NAMES, max_size=2),
    st.sampled_from(["a.py", "b.py", "c.pyi", "__init__.py"]),
)
TREES = st.dictionaries(PATHS, st.lists(LINES, max_size=4).map("\n".join), max_size=8)


@given(TREES, st.lists(st.tuples(PATHS, st.none() | st.lists(LINES, max_size=4).map("\n".join)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_history_ends_in_the_graph_of_a_fresh_build(
    tree: dict[str, str], history: list[tuple[str, str | None]]
) -> None:
    files = MemoryFiles(tree)
    graph = DependencyGraph.build(files)
    for path, text in history:
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


def test_an_import_chain_of_20_000_files() -> None:
    count = 20_000
    graph = graph_of({f"m{i}.py": f"import m{i + 1}" for i in range(count)})
    assert len(graph) == count
    assert len(graph.dependencies("m0.py", transitive=True)) == count - 1
    assert len(graph.topological_order()) == count


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"import b\n" * 1_200_000, "too-large", "10,800,000 bytes"),
        (b"import b\n\0\0", "unsupported", "binary"),
        ("import b\n".encode("utf-16"), "unsupported", "UTF-16"),
    ],
)
def test_a_hostile_file_costs_one_problem(content: bytes, kind: str, says: str) -> None:
    graph = graph_of({"a.py": "import b, bad", "b.py": "", "bad.py": content})
    assert graph.dependencies("a.py") == ("b.py", "bad.py")
    (problem,) = graph.problems
    assert (problem.analyzer, problem.kind) == ("graph", kind)
    assert says in problem.message
    assert "bad.py" in problem.message


@pytest.mark.parametrize(
    "content",
    [
        b"(" * 50_000 + b"\nimport b\n",
        b"if x:\n" + b"".join(b" " * i + b"if x:\n" for i in range(1, 300)),
        b"# -*- coding: latin-1 -*-\n# \xe9\nimport b\n",
        b"from " + b"." * 100_000 + b" import x",
        b"\xff\xfe\xfd",
        b"",
    ],
)
def test_odd_bytes_are_harmless(content: bytes) -> None:
    graph = graph_of({"a.py": "import b, odd", "b.py": "", "odd.py": content})
    assert graph.dependencies("a.py") == ("b.py", "odd.py")


def test_latin_1_source_has_its_imports() -> None:
    graph = graph_of({"a.py": b"# -*- coding: latin-1 -*-\n# \xe9\nimport b\n", "b.py": ""})
    assert graph.dependencies("a.py") == ("b.py",)


def test_a_second_start_parses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = GraphCache(tmp_path / "state" / "graph")
    graph = DependencyGraph.build(MemoryFiles(FILES), cache)
    graph.save(cache)
    monkeypatch.setattr("codefactory.analyzers.graph.extraction.parser_for", lambda language: None)
    again = DependencyGraph.build(MemoryFiles(FILES), GraphCache(tmp_path / "state" / "graph"))
    assert again.edges() == graph.edges()
    assert again.problems == ()


@pytest.mark.parametrize("damage", [b"", b"garbage", "zip bomb", "half", "list", "entry", "nested", "last block"])
def test_a_damaged_cache_is_set_aside_and_said(tmp_path: Path, damage: bytes | str) -> None:
    import struct
    import zlib

    def block(text: bytes) -> bytes:
        compressed = zlib.compress(text)
        return struct.pack("<I", len(compressed)) + compressed

    path = tmp_path / "graph"
    cache = GraphCache(path)
    graph = DependencyGraph.build(MemoryFiles(FILES), cache)
    graph.save(cache)
    whole = path.read_bytes()
    header = whole.partition(b"\n")[0]
    keys = [content_key(path, text.encode()).hex().encode() for path, text in FILES.items() if path.endswith(".py")]
    if damage == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "list":
        path.write_bytes(b"[]\n")
    elif damage == "zip bomb":
        path.write_bytes(header + b"\n" + block(b"[" * 1_000_000))
    elif damage == "nested":
        path.write_bytes(header + b"\n" + block(b"".join(b"%b %b\n" % (key, b"[" * 100_000) for key in keys)))
    elif damage == "entry":
        path.write_bytes(header + b"\n" + block(b"".join(b'%b [["x"],["y"],"?","",[]]\n' % key for key in keys)))
    elif damage == "last block":
        path.write_bytes(header + b"\n")
    else:
        assert isinstance(damage, bytes)
        path.write_bytes(damage)
    again = DependencyGraph.build(MemoryFiles(FILES), GraphCache(path))
    assert again.edges() == graph.edges()
    (problem,) = again.problems
    assert str(path) in problem.message
    assert path.with_name("graph.bad").exists() == (damage not in ("entry", "nested"))


def test_the_state_of_edges_names_their_reason() -> None:
    graph = graph_of({"a.py": "import os, b, numpy\nfrom . import nope"})
    assert [e.reason for e in graph.imports("a.py")] == [
        Reason.STANDARD,
        Reason.EXTERNAL,
        Reason.EXTERNAL,
        Reason.NAMESPACE,
    ]


def test_disk_files_obey_gitignore_with_and_without_git(tmp_path: Path) -> None:
    import subprocess

    for path, text in {
        ".gitignore": "build/\n*.gen.py\n!keep.gen.py\n",
        "a.py": "", "x.gen.py": "", "keep.gen.py": "", "build/b.py": "",
        "sub/.gitignore": "local.py\n/b.py\n", "sub/local.py": "", "sub/b.py": "", "sub/deep/b.py": "",
        "third_party/t.py": "", "node_modules/n.py": "",
    }.items():  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    expected = [".gitignore", "a.py", "keep.gen.py", "sub/.gitignore", "sub/deep/b.py"]
    assert DiskFiles(tmp_path, excludes=["third_party/"]).list() == expected
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    with (tmp_path / ".gitignore").open("a") as file:
        file.write("node_modules/\n")
    assert DiskFiles(tmp_path, excludes=["third_party/"]).list() == expected


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "p.py")
    (tmp_path / "a.py").write_text("import p")
    with pytest.raises(OSError, match="not a regular file"):
        DiskFiles(tmp_path).read("p.py")
    assert DependencyGraph.build(DiskFiles(tmp_path)).files == ("a.py",)


def test_a_git_checkout_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import b")
    (tmp_path / "b.py").write_text("")
    git("init", "-q", cwd=tmp_path)
    git("add", ".", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    graph = DependencyGraph.build(DiskFiles(tmp_path))
    git("checkout", "-qb", "other", cwd=tmp_path)
    git("mv", "b.py", "c.py", cwd=tmp_path)
    (tmp_path / "a.py").write_text("import c")
    git("commit", "-qam", "two", cwd=tmp_path)
    assert graph.refresh() == {"a.py", "b.py", "c.py"}
    assert graph.dependencies("a.py") == ("c.py",)
    git("checkout", "-q", "-", cwd=tmp_path)
    assert graph.refresh() == {"a.py", "b.py", "c.py"}
    assert graph.dependencies("a.py") == ("b.py",)
    assert graph.refresh() == frozenset()


def test_recency_comes_from_git(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    for name in ("old.py", "été 🐍.py"):
        (tmp_path / name).write_text("")
        git("add", ".", cwd=tmp_path)
        git("commit", "-qm", name, cwd=tmp_path)
    recency = git_recency(str(tmp_path))
    assert list(recency) == ["été 🐍.py", "old.py"]
    assert recency["été 🐍.py"] == 1 > recency["old.py"]
    assert git_recency(str(tmp_path / "nowhere")) == {}
