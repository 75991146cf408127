"""`codefactory check`."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import exits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from codefactory.analyzers import Analyzers, Cancellation
    from codefactory.pipelines.settings import Layer, Settings
    from codefactory.server.scan import Projects, Scanned

    from .report import Report

MANY_TO_FIX = 200
MANY_FILES = 20
"""From here on a progress bar is worth its line."""


class PathsCommand(click.Command):
    """A command whose `--changed` takes a value only after "=": `--changed src` is about the path src."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--changed=HEAD" if a == "--changed" else a for a in args])


def paths_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))(command)


def changed_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--changed",
        metavar="[=REF]",
        help="Only files that differ from where this branch left REF (default HEAD: the last commit), new ones too.",
    )(command)


def jobs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--jobs", "-j", type=click.IntRange(1), help="Worker processes. Default: one a core, up to 8.")(
        command
    )


@click.command("check", cls=PathsCommand, epilog=exits.HELP)
@paths_argument
@click.option(
    "--format",
    "-f",
    "output",
    type=click.Choice(["human", "json", "sarif", "github"]),
    default="human",
    show_default=True,
    help="github: annotations in a workflow's log.",
)
@click.option(
    "--severity",
    type=click.Choice(["info", "low", "medium", "high"]),
    help="Leave out findings below this. Default: the project's setting.",
)
@changed_option
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="What `-` is called. Default: stdin.py.")
@click.option("--exit-zero", is_flag=True, help="Findings do not make the exit code 1.")
@click.option(
    "--fixes/--no-fixes", default=None, help=f"Say what can be fixed. Default: for up to {MANY_TO_FIX} files."
)
@jobs_option
def command(
    paths: tuple[Path, ...],
    output: str,
    severity: str | None,
    changed: str | None,
    stdin_filename: Path | None,
    exit_zero: bool,
    fixes: bool | None,
    jobs: int | None,
) -> int:
    """Find problems in PATHS: files, folders, or `-` for standard input.

    Folders: the files git knows or does not ignore, whose language is known; HTML and CSS only when named.
    """
    from codefactory.analyzers import Severity
    from codefactory.server.scan import Projects

    from . import terminal
    from .report import shown

    started = time.perf_counter()
    projects = Projects()
    with interruptible():
        scanned = scan_paths(paths, projects, changed=changed, stdin_filename=stdin_filename, jobs=jobs, fixes=fixes)
    minimum = Severity[severity.upper()] if severity else None
    files = tuple(shown(s, minimum) for s in scanned if s.skipped is None)
    report = make_report(files, scanned, projects, time.perf_counter() - started, paths)
    terminal.print_problems(report.problems)
    write_report(report, output)
    return exits.exit_code(report.problems, findings=report.has_findings and not exit_zero)


def scan_paths(
    paths: Sequence[Path],
    projects: Projects,
    *,
    changed: str | None = None,
    stdin_filename: Path | None = None,
    jobs: int | None = None,
    fixes: bool | None = None,
) -> list[Scanned]:
    """Select and analyze. `fixes`: whether our fixers are asked; None: unless there are many files.

    Raises click.UsageError for what does not exist, KeyboardInterrupt when interrupted.
    """
    from codefactory.analyzers import Analyzers, Cancellation
    from codefactory.server.scan import scan, worker_count
    from codefactory.server.selection import SelectionError, select

    if Path("-") in paths:
        if len(paths) > 1 or changed is not None:
            raise click.UsageError("`-` stands alone: no other paths, no --changed")
        with opened(Analyzers()) as analyzers:
            return [_scan_stdin(stdin_filename or Path("stdin.py"), projects, analyzers, Cancellation())]
    if stdin_filename is not None:
        raise click.UsageError("--stdin-filename needs `-` as the path")
    try:
        selected = select(paths, changed)
    except SelectionError as error:
        raise click.UsageError(str(error)) from error
    workers = jobs or worker_count(len(selected))
    asked = len(selected) <= MANY_TO_FIX if fixes is None else fixes
    with opened(Analyzers(workers)) as analyzers, progress(len(selected), "Checking") as advance:
        return scan(selected, analyzers, projects, Cancellation(), lambda _: advance(), workers=workers, fixes=asked)


@contextmanager
def opened(analyzers: Analyzers) -> Generator[Analyzers]:
    """Their processes end with the block, however it ends."""
    try:
        yield analyzers
    finally:
        analyzers.close()


@contextmanager
def interruptible() -> Generator[None]:
    """What was interrupted says CancelledError somewhere deep; here it becomes what the caller knows."""
    from codefactory.analyzers import CancelledError

    try:
        yield
    except CancelledError as error:
        raise KeyboardInterrupt from error


@contextmanager
def progress(total: int, verb: str) -> Generator[Callable[[], None]]:
    """A bar on standard error for many files, if that is a terminal."""
    if total < MANY_FILES or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from . import terminal

    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def make_report(
    files: Sequence[Any], scanned: Iterable[Scanned], projects: Projects, duration_s: float, paths: Sequence[Path]
) -> Report:
    import shlex

    from .report import Report

    scanned = list(scanned)
    problems = dict.fromkeys((*projects.problems, *(p for s in scanned for p in s.analysis.problems)))
    return Report(
        files=tuple(files),
        problems=tuple(problems),
        skipped=tuple(s.path for s in scanned if s.skipped is not None),
        analyzers=tuple(sorted({name for s in scanned for name in s.analysis.analyzers})),
        duration_s=duration_s,
        model=any(_has_model(s) for s in {s.project.root: s.project.settings for s in scanned}.values()),
        repair_command=shlex.join(["codefactory", "repair", *map(str, paths)]),
    )


def _has_model(settings: Settings) -> bool:
    """Whether a model can be asked, by what is known without asking a server."""
    from codefactory.pipelines.models import ModelError
    from codefactory.pipelines.models.configured import known_model

    try:
        return known_model(settings).model is not None
    except ModelError:
        return False


def write_report(report: Report, output: str) -> None:
    from . import terminal

    match output:
        case "json":
            from .report import report_to_json

            terminal.print_json(report_to_json(report, display_name))
        case "sarif":
            from .sarif import to_sarif

            terminal.print_json(to_sarif(report))
        case "github":
            from .github import print_annotations

            print_annotations(report, display_name)
        case _:
            from .render import print_report

            print_report(terminal.console(), report, display_name)


def display_name(path: Path) -> str:
    """Relative to the current folder where it is inside, with forward slashes."""
    absolute = path.absolute()
    return (absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path).as_posix()


def _scan_stdin(name: Path, projects: Projects, analyzers: Analyzers, cancellation: Cancellation) -> Scanned:
    from codefactory.analyzers import Analysis
    from codefactory.server import files
    from codefactory.server.scan import Scanned, scan_file

    file = files.decode(sys.stdin.buffer.read(files.MAX_BYTES + 1), name)
    project = projects.of(name)
    if isinstance(file, files.Unreadable):
        return Scanned(name, None, project, Analysis(problems=(file.problem,)))
    return scan_file(file, project, analyzers, cancellation)


def command_line_layer(values: dict[str, dict[str, Any]]) -> Layer:
    """Settings given as options, without those that were not."""
    from codefactory.pipelines.settings import Layer

    given = {section: {k: v for k, v in keys.items() if v is not None} for section, keys in values.items()}
    return Layer("command line", {section: keys for section, keys in given.items() if keys})
