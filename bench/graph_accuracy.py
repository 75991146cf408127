"""Edges of the dependency graph against each language's own tool on real code: `python bench/graph_accuracy.py`.

Prints precision, recall and examples of what differs. docs/graph.md explains the differences that are left. Fetches
what it needs (see graph_corpora.py); a language whose tools cannot be had is named and skipped. Arguments: languages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import graph_corpora as corpora

from codefactory.analyzers.graph import DependencyGraph, DiskFiles, ImportKind
from codefactory.analyzers.worker import WorkerPool

ORACLES = Path(__file__).parent / "graph_oracles"
Edges = set[tuple[str, str]]


class Row(NamedTuple):
    tree: str
    oracle: str
    ours: Edges
    theirs: Edges


def show(row: Row) -> None:
    common = len(row.ours & row.theirs)
    precision, recall = common / max(1, len(row.ours)), common / max(1, len(row.theirs))
    verdict = "ok" if min(precision, recall) >= 0.99 else "LOW"
    counts = f"{len(row.ours):7d} {len(row.theirs):7d}"
    print(f"{row.tree:28s} {row.oracle:26s} {counts} {precision:9.4f} {recall:9.4f}  {verdict}")
    for name, only in (("only ours", row.ours - row.theirs), ("only theirs", row.theirs - row.ours)):
        for source, target in sorted(only)[:3]:
            print(f"    {name} ({len(only)}): {source} -> {target}")


def build(root: Path, workers: WorkerPool) -> DependencyGraph:
    graph = DependencyGraph.build(DiskFiles(root), workers=workers)
    for problem in graph.problems:
        print(f"    problem: {problem.message}")
    return graph


def edges(graph: DependencyGraph) -> Edges:
    return {(source, target) for source, targets in graph.adjacency().items() for target in targets}


def python(workers: WorkerPool) -> None:
    ruff = str(Path(sys.executable).parent / "ruff")
    grimp = corpora.tool_environment("grimp", "grimp")
    for package in ("django", "sqlalchemy", "homeassistant", ""):
        root = corpora.wheel(package) if package else corpora.standard_library()
        graph = build(root, workers)
        found = json.loads(corpora.run(ruff, "analyze", "graph", "-q", "--preview", ".", cwd=root))
        theirs = {(s, t) for s, targets in found.items() for t in targets if s != t}
        # ruff lists no file with a syntax error, and lets nothing stand for the standard library's `types`.
        ours = {(s, t) for s, t in _runtime(graph) if s in found and t != "types.py"}
        show(Row(package or "standard library", "ruff analyze graph", ours, theirs))
        if package:
            answer = json.loads(corpora.run(str(grimp), str(ORACLES / "grimp_edges.py"), package, cwd=root))
            show(Row(package, "grimp", _runtime(graph), {(s, t) for s, t in answer if s != t}))


def _runtime(graph: DependencyGraph) -> Edges:
    """Without `import_module("literal")`, which neither ruff nor grimp looks at."""
    return {
        (source, target)
        for source, targets in graph.adjacency({*ImportKind} - {ImportKind.DYNAMIC}).items()
        for target in targets
    }


def typescript(workers: WorkerPool) -> None:
    tools = corpora.npm_tools("typescript@5.6")
    for package, folder in (("rxjs", ""), ("three", ""), ("zod", "src"), ("effect", "src")):
        root = corpora.npm_package(package) / folder
        graph = build(root, workers)
        answer = corpora.run(
            "node", str(ORACLES / "typescript.cjs"), str(root),
            env={"NODE_PATH": str(tools / "node_modules")}, stdin="\n".join(graph.files),
        )  # fmt: skip
        theirs = {(s, t) for s, targets in json.loads(answer).items() for t in targets if s != t and t in graph}
        ours = edges(graph)
        show(Row(f"{package}/{folder}", "TypeScript 5.6", ours, theirs))


def go(workers: WorkerPool) -> None:
    packages = ("golang-1.19-src", "golang-1.19-go", "golang-golang-x-tools-dev", "golang-golang-x-net-dev")
    unpacked = corpora.debian(*packages)
    root = corpora.HOME / "go"
    if not (root / "src").exists():
        for part in ("share/go-1.19", "lib/go-1.19"):
            shutil.copytree(unpacked / "usr" / part, root, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    environment = {
        "GOROOT": str(root), "GOFLAGS": "-mod=mod", "GO111MODULE": "on", "GOPROXY": "off", "GOTOOLCHAIN": "local",
        "HOME": str(corpora.HOME), "GOPATH": str(corpora.HOME / "gopath"), "CGO_ENABLED": "1",
    }  # fmt: skip
    sources = unpacked / "usr/share/gocode/src/golang.org/x"
    for tree, folder, patterns in (
        ("go std + cmd", root / "src", ("std", "cmd")),
        ("golang.org/x/tools", sources / "tools", ("./...",)),
        ("golang.org/x/net", sources / "net", ("./...",)),
    ):
        answer = corpora.run(str(root / "bin/go"), "list", "-e", "-json", *patterns, cwd=folder, env=environment)
        listed = _concatenated(answer)
        show(_go_row(tree, folder, listed, build(folder, workers)))


def _concatenated(text: str) -> list[dict[str, object]]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while (at := len(text) - len(text[at:].lstrip())) < len(text):
        item, at = decoder.raw_decode(text, at)
        found.append(item)
    return found


def _go_row(tree: str, root: Path, listed: list[dict[str, object]], graph: DependencyGraph) -> Row:
    """From package to package, tests apart, since `go list` does not say which file of a package imports what."""
    folders = {str(p["ImportPath"]): Path(str(p["Dir"])) for p in listed}
    ours: Edges = set()
    theirs: Edges = set()
    parts = (("GoFiles", "CgoFiles", "Imports"), ("TestGoFiles", "TestImports"), ("XTestGoFiles", "XTestImports"))
    for package in listed:
        folder = Path(str(package["Dir"]))
        if not folder.is_relative_to(root):
            continue
        place = folder.relative_to(root).as_posix()
        renamed = package.get("ImportMap") or {}
        for *files, imports in parts:
            source = f"{place} {imports}"
            for name in package.get(imports) or ():
                target = folders.get(renamed.get(name, name))
                if target is not None and target.is_relative_to(root):
                    theirs.add((source, target.relative_to(root).as_posix()))
            for name in (n for kind in files for n in package.get(kind) or ()):
                path = name if place == "." else f"{place}/{name}"
                ours |= {(source, str(Path(t).parent)) for edge in graph.imports(path) for t in edge.targets}
    return Row(tree, "go list -json", ours, theirs)


def java(workers: WorkerPool) -> None:
    archive = next(corpora.debian("openjdk-17-source").rglob("src.zip"))
    for module in ("java.logging", "java.net.http", "java.xml", "jdk.compiler", "java.desktop"):
        root = corpora.unzipped(f"jdk/{module}", archive, f"{module}/") / module
        answer = corpora.run("java", str(ORACLES / "JavaTypes.java"), module, str(root))
        theirs = {(s, t) for s, targets in json.loads(answer).items() for t in targets if s != t}
        ours = {(s, t) for s, t in edges(build(root, workers)) if s != "module-info.java"}  # has no types to attribute
        show(Row(module, "javac (types by name)", ours, theirs))


def rust(workers: WorkerPool) -> None:
    """The module tree: which files belong to a crate. rustc leaves out what the platform and the features do not
    select, so it is given copies without `#[cfg]`."""
    names = ("regex-syntax", "serde", "itertools", "memchr", "syn", "aho-corasick", "hashbrown", "nom")
    registry = corpora.debian(*(f"librust-{name}-dev" for name in names)) / "usr/share/cargo/registry"
    ours: Edges = set()
    theirs: Edges = set()
    for original in sorted(registry.iterdir()):
        crate = corpora.HOME / "rust" / original.name
        if not crate.exists():
            shutil.copytree(original, crate)
            for source in crate.rglob("*.rs"):
                source.write_text(_CFG.sub("", source.read_text()))
        graph = build(crate, workers)
        dep_info = crate / "files.d"
        edition = tomllib.loads((crate / "Cargo.toml").read_text())["package"].get("edition", "2015")
        command = ("rustc", "--edition", edition, "--crate-type", "lib", f"--emit=dep-info={dep_info}", "src/lib.rs")
        # The crates that it uses are not here, so rustc fails later; the list of files is written before.
        subprocess.run(command, cwd=crate, capture_output=True, check=False)
        listed = dep_info.read_text().splitlines()[0].partition(": ")[2].split() if dep_info.exists() else []
        theirs |= {(crate.name, os.path.normpath(path)) for path in listed if path.endswith(".rs")}
        modules = graph.dependencies("src/lib.rs", transitive=True, kinds={ImportKind.MODULE})
        ours |= {(crate.name, path) for path in ("src/lib.rs", *modules)}
    show(Row(f"{len(names)} crates, their modules", "rustc --emit=dep-info", ours, theirs))


_CFG = re.compile(r"^[ \t]*#!?\[cfg\((?:[^\]\[]|\[[^\]]*\])*?\)\][ \t]*$", re.MULTILINE)


def main() -> None:
    languages = {"python": python, "typescript": typescript, "go": go, "java": java, "rust": rust}
    wanted = sys.argv[1:] or list(languages)
    print(f"{'tree':28s} {'oracle':26s} {'ours':>7s} {'theirs':>7s} {'precision':>9s} {'recall':>9s}")
    workers = WorkerPool(2)
    try:
        for language in wanted:
            try:
                languages[language](workers)
            except Exception as error:
                print(f"{language}: skipped, {type(error).__name__}: {str(error)[:200]}")
    finally:
        workers.close()


if __name__ == "__main__":
    main()
