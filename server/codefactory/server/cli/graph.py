"""`codefactory graph`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .exits import EXIT_CLEAN, EXIT_FINDINGS, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codefactory.analyzers.graph import DependencyGraph

Format = Literal["table", "json", "dot", "mermaid"]
MAX_DRAWN = 400
"""Edges beyond which Mermaid refuses to draw."""


@click.command("graph")
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option(
    "--format",
    "-f",
    "output",
    type=click.Choice(["table", "json", "dot", "mermaid"]),
    default="table",
    show_default=True,
)
@click.option("--cycles", is_flag=True, help="Only the import cycles; exit code 1 if there are any.")
@click.option("--dependents", "dependents_of", metavar="FILE", help="Only the files that import FILE.")
@click.option("--dependencies", "dependencies_of", metavar="FILE", help="Only the files that FILE imports.")
@click.option("--transitive", is_flag=True, help="With --dependents or --dependencies: indirectly too.")
@click.option("--unresolved", is_flag=True, help="Only the imports of this tree's own files that lead nowhere.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out files, in .gitignore's syntax.")
def command(
    root: Path,
    output: Format,
    cycles: bool,
    dependents_of: str | None,
    dependencies_of: str | None,
    transitive: bool,
    unresolved: bool,
    exclude: tuple[str, ...],
) -> int:
    """Show which file imports which below ROOT: Python, TypeScript, JavaScript, Go, Java and Rust.

    What git ignores is left out. Files are named as seen from ROOT.
    """
    graph = load(root, exclude)
    say_problems(graph)
    if cycles:
        groups = graph.cycles()
        _print_groups(groups, output, graph)
        return EXIT_FINDINGS if groups else EXIT_CLEAN
    if dependents_of or dependencies_of:
        file = within(root, dependents_of or dependencies_of or "")
        if file not in graph:
            click.echo(
                f"{file} is not in the graph of {root}. It may be ignored, or in no language that has one.", err=True
            )
            return EXIT_USAGE
        find = graph.dependents if dependents_of else graph.dependencies
        _print_paths(find(file, transitive=transitive), output)
    elif unresolved:
        _print_unresolved(graph, output)
    else:
        _print_graph(graph, output)
    return EXIT_CLEAN


def load(root: Path, exclude: Sequence[str] = ()) -> DependencyGraph:
    """The graph of a folder, from the cache where files have not changed; the cache is written again."""
    import hashlib

    from platformdirs import user_cache_path

    from codefactory.analyzers.graph import DependencyGraph, DiskFiles, GraphCache
    from codefactory.analyzers.worker import WorkerPool

    name = hashlib.blake2b(str(root.resolve()).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    cache = GraphCache(user_cache_path("codefactory") / "graph" / name)
    workers = WorkerPool(2)
    try:
        graph = DependencyGraph.build(DiskFiles(root, exclude), cache, workers)
    finally:
        workers.close()
    try:
        graph.save(cache)
    except OSError as error:
        click.echo(
            f"The graph's cache {cache.path} cannot be written ({error.strerror}): the next start is slower.", err=True
        )
    return graph


def say_problems(graph: DependencyGraph) -> None:
    from . import terminal

    for problem in graph.problems:
        click.echo(terminal.safe(problem.message), err=True)


def within(root: Path, file: str) -> str:
    """`file`, as seen from the root or from the current folder, as the graph names it."""
    path = Path(file)
    if not path.is_absolute() and (root / path).exists():
        return path.as_posix()
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return path.as_posix()


def _print_graph(graph: DependencyGraph, output: Format) -> None:
    from . import terminal

    adjacency = graph.adjacency()
    if output == "json":
        terminal.print_json(_as_json(graph))
    elif output == "table":
        _print_table(graph, adjacency)
    else:
        _print_drawing(adjacency, output)


def _as_json(graph: DependencyGraph) -> dict[str, object]:
    edges = [
        {
            "source": edge.source,
            "targets": list(edge.targets),
            "module": edge.import_.module,
            "name": edge.import_.name or None,
            "kind": edge.import_.kind.value,
            "line": edge.import_.span.start.line + 1,
            "column": edge.import_.span.start.column + 1,
            "reason": edge.reason.value if edge.reason else None,
        }
        for edge in graph.edges()
    ]
    problems = [{"kind": p.kind, "message": p.message} for p in graph.problems]
    return {
        "files": list(graph.files),
        "edges": edges,
        "cycles": [list(c) for c in graph.cycles()],
        "problems": problems,
    }


def _print_table(graph: DependencyGraph, adjacency: Mapping[str, Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table

    from . import terminal

    out = terminal.console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold")
    table.add_column("imports", justify="right")
    table.add_column("used by", justify="right")
    used = {path: len(graph.dependents(path)) for path in adjacency}
    for path in sorted(adjacency, key=lambda p: (-used[p], p)):
        table.add_row(terminal.safe(path), str(len(adjacency[path])), str(used[path]))
    out.print(table)
    edges = sum(map(len, adjacency.values()))
    cycles, missing = len(graph.cycles()), len(graph.unresolved())
    counts = [terminal.plural(len(adjacency), "file"), terminal.plural(edges, "edge")]
    counts += [terminal.plural(cycles, "cycle"), f"{missing} unresolved"]
    out.print(", ".join(counts), style="dim")


def _print_drawing(adjacency: Mapping[str, Sequence[str]], output: Format) -> None:
    edges = [(source, target) for source, targets in adjacency.items() for target in targets]
    if output == "dot":
        click.echo("digraph {\n  rankdir=LR;\n  node [shape=box];")
        for path in adjacency:
            click.echo(f"  {_quoted(path)};")
        for source, target in edges:
            click.echo(f"  {_quoted(source)} -> {_quoted(target)};")
        click.echo("}")
        return
    if len(edges) > MAX_DRAWN:
        click.echo(f"{len(edges)} edges are more than Mermaid draws; --format dot has no such limit.", err=True)
    numbers = {path: f"f{number}" for number, path in enumerate(adjacency)}
    click.echo("flowchart LR")
    for path, number in numbers.items():
        text = path.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        click.echo(f'  {number}["{_one_line(text)}"]')
    for source, target in edges:
        click.echo(f"  {numbers[source]} --> {numbers[target]}")


def _print_groups(groups: Sequence[Sequence[str]], output: Format, graph: DependencyGraph) -> None:
    from . import terminal

    if output == "json":
        terminal.print_json([list(group) for group in groups])
    elif output == "table":
        for number, group in enumerate(groups, 1):
            click.echo(f"cycle {number}, {terminal.plural(len(group), 'file')}:")
            for path in group:
                click.echo(f"  {terminal.safe(path)}")
        if not groups:
            click.echo("No import cycles.")
    else:
        members = {path for group in groups for path in group}
        inside = {p: [t for t in targets if t in members] for p, targets in graph.adjacency().items() if p in members}
        _print_drawing(inside, output)


def _print_paths(paths: Sequence[str], output: Format) -> None:
    from . import terminal

    if output == "json":
        terminal.print_json(list(paths))
    elif output == "table":
        for path in paths:
            click.echo(terminal.safe(path))
    else:
        _print_drawing(dict.fromkeys(paths, ()), output)


def _print_unresolved(graph: DependencyGraph, output: Format) -> None:
    from . import terminal

    edges = graph.unresolved()
    if output == "json":
        terminal.print_json(
            [{"file": e.source, "line": e.import_.span.start.line + 1, "module": e.import_.module} for e in edges]
        )
        return
    for edge in edges:
        place = f"{edge.source}:{edge.import_.span.start.line + 1}:{edge.import_.span.start.column + 1}"
        click.echo(terminal.safe(f"{place}: {edge.import_.module}: {edge.reason}"))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
