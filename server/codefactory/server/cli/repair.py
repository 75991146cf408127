"""`codefactory repair`."""

from __future__ import annotations

import asyncio
import shlex
import sys
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from . import exits
from .check import (
    PathsCommand,
    changed_option,
    command_line_layer,
    display_name,
    interruptible,
    jobs_option,
    opened,
    paths_argument,
    progress,
    scan_paths,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codefactory.analyzers import Analyzers, Finding, Problem
    from codefactory.analyzers.graph import DependencyGraph
    from codefactory.pipelines.models.configured import Choice
    from codefactory.pipelines.prompts import Related
    from codefactory.pipelines.repair import Progress
    from codefactory.pipelines.settings import Settings
    from codefactory.server.scan import Scanned

    from .evidence import Repaired

HELP = """\b
Exit codes:
  0    done; findings may remain, each with the reason
  2    the command line or a configuration is wrong
  3    something could not be checked or written
  130  interrupted: what was finished is shown or written, the rest is untouched"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    write: bool
    rules: tuple[str, ...]
    output: Literal["human", "json", "diff"]

    def covers(self, finding: Finding) -> bool:
        return not self.rules or not {finding.code, finding.rule, finding.tool}.isdisjoint(self.rules)

    def chosen(self, scanned: Scanned) -> set[str] | None:
        """Fingerprints of what is covered; None for everything."""
        return {f.fingerprint for f in scanned.analysis.findings if self.covers(f)} if self.rules else None


@dataclass(slots=True)
class Course:
    """What has come of it so far."""

    choices: dict[Path, Choice]
    """The model by project root."""
    done: dict[Path, Repaired] = field(default_factory=dict["Path", "Repaired"])
    interrupted: bool = False
    graphs: dict[Path, asyncio.Future[DependencyGraph]] = field(
        default_factory=dict["Path", "asyncio.Future[DependencyGraph]"]
    )
    """By project root; made when a model is first asked about a file of the project."""
    spent_usd: float = 0.0
    run: str = field(default_factory=lambda: f"repair-{uuid.uuid4().hex[:8]}")
    """Named in the ledger."""


@click.command("repair", cls=PathsCommand, epilog=HELP)
@paths_argument
@click.option("--diff/--write", "show", default=True, help="Show the change (the default), or write it to the files.")
@click.option("--safe-only", is_flag=True, help="Only fixes that leave the behaviour for benign input as it is.")
@click.option("--rule", "rules", multiple=True, metavar="CODE", help="Only these rules: B506, bandit:B506, ruff, …")
@click.option(
    "--model",
    metavar="NAME",
    help="A model for what no fixer can decide, as litellm names it; none: no model. Default: one on this machine.",
)
@click.option("--api-base", metavar="URL", help="The address of an OpenAI-compatible server.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="What the model may cost, all files together.")
@click.option("--max-rounds", type=click.IntRange(1, 50), help="Tries of the model for each file.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Only say what the model could cost at most.")
@click.option("--test-command", metavar="COMMAND", help="Tests that must pass with the change if they do without.")
@click.option(
    "--format",
    "-f",
    "output",
    type=click.Choice(["human", "json", "diff"]),
    help="Default: human; in a pipe diff, which `git apply` takes.",
)
@changed_option
@jobs_option
def command(
    paths: tuple[Path, ...],
    show: bool,
    safe_only: bool,
    rules: tuple[str, ...],
    model: str | None,
    api_base: str | None,
    max_usd: float | None,
    max_rounds: int | None,
    only_estimate: bool,
    test_command: str | None,
    output: Literal["human", "json", "diff"] | None,
    changed: str | None,
    jobs: int | None,
) -> int:
    """Repair what is found in PATHS, and prove it.

    Every change has passed the gate: it parses, the findings are gone and not merely silenced, and there is no new one.
    """
    from codefactory.server.scan import Projects, worker_count

    from . import terminal
    from .estimates import print_estimates

    if Path("-") in paths:
        raise click.UsageError("`repair` works on files; standard input can only be checked")
    layer = command_line_layer(
        {
            "model": {"name": model, "api_base": api_base, "routes": {} if model else None},
            "budget": {"max_usd": max_usd, "max_rounds": max_rounds},
            "repair": {"allow": "safe" if safe_only else None},
            "tests": {"command": tuple(shlex.split(test_command)) if test_command else None},
        }
    )
    projects = Projects((layer,))
    piped = not terminal.console().is_terminal and show
    wish = Wish(
        not show, tuple(code for rule in rules for code in rule.split(",")), output or ("diff" if piped else "human")
    )
    with interruptible():
        scanned = scan_paths(paths, projects, changed=changed, jobs=jobs, fixes=False)
    work = [s for s in scanned if s.file and any(wish.covers(f) for f in s.analysis.findings)]
    problems = dict.fromkeys((*projects.problems, *(p for s in scanned for p in s.analysis.problems)))
    terminal.print_problems(problems)
    from codefactory.analyzers import Analyzers

    workers = jobs or worker_count(len(work))
    course = Course(_choices(work))
    _say_choices(course)
    if only_estimate:
        with opened(Analyzers(1)) as analyzers:
            return print_estimates(work, analyzers, wish, course)
    with opened(Analyzers(workers)) as analyzers, progress(len(work), "Repairing") as advance:
        asyncio.run(_repair_all(work, analyzers, wish, course, advance, side_by_side=workers))
    finished = [course.done[s.path] for s in work if s.path in course.done]
    again = ["codefactory", "repair", *map(str, paths), *(f"--rule={code}" for code in wish.rules)]
    again += ["--safe-only"] * safe_only + ["--write"]
    _write_results(wish, finished, list(problems), course, shlex.join(again))
    if course.interrupted:
        _say_interrupted(len(finished), len(work), write=wish.write)
        return exits.EXIT_INTERRUPTED
    code = exits.exit_code(problems, findings=False)
    return code or (exits.EXIT_NOT_CHECKED if any(r.failure for r in finished) else exits.EXIT_CLEAN)


async def _repair_all(
    work: Sequence[Scanned],
    analyzers: Analyzers,
    wish: Wish,
    course: Course,
    advance: Callable[[], None],
    *,
    side_by_side: int,
) -> None:
    """Fills `course`. Cancelled (Ctrl+C), it ends what runs and keeps what is finished."""
    if any(choice.model for choice in course.choices.values()):
        side_by_side = 1  # so that what one file cost is known before the next asks for more
    free = asyncio.Semaphore(side_by_side)

    async def one(scanned: Scanned) -> None:
        async with free:
            course.done[scanned.path] = await _repair_one(scanned, analyzers, wish, course)
            advance()

    tasks = [asyncio.create_task(one(s)) for s in work]
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        course.interrupted = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()


async def _repair_one(scanned: Scanned, analyzers: Analyzers, wish: Wish, course: Course) -> Repaired:
    from codefactory.pipelines.repair import project_tests, repair, uses_elsewhere
    from codefactory.server import files

    from . import diffs
    from .evidence import Repaired

    file = scanned.file
    if file is None:
        raise ValueError(f"{scanned.path} was not read")
    settings = scanned.project.settings
    only = wish.chosen(scanned)
    asking = asking_of(scanned, course)
    result = await repair(
        file.snapshot,
        analyzers,
        options=scanned.project.options(file.path.absolute()),
        only=only,
        allow=settings.repair.allow,
        uses=uses_elsewhere(scanned.project, file.snapshot),
        tests=project_tests(scanned.project, file.snapshot),
        context=await context_of(scanned, only, course) if asking else (),
        report=_reporting(display_name(scanned.path), wish),
        **asking,
    )
    name = display_name(scanned.path)
    rounds = result.rounds if result.kind == "refusal" else result.evidence.rounds
    course.spent_usd += sum(r.usage.cost_usd or 0.0 for r in rounds)
    if result.kind == "refusal":
        return Repaired(name, file, result)
    diff = b""
    try:
        diff = diffs.unified(file.path, file.encode(file.snapshot.text), file.encode(result.after))
        if wish.write:
            files.write(file, result.after)
    except UnicodeEncodeError as error:
        failure = f"the change needs a character that {error.encoding} does not have"
        return Repaired(name, file, result, failure=failure)
    except OSError as error:
        return Repaired(name, file, result, diff, failure=str(error))
    return Repaired(name, file, result, diff, written=wish.write)


def _reporting(name: str, wish: Wish) -> Callable[[Progress], None]:
    """Says what it may cost before the model is first asked, and why it takes longer."""
    from . import terminal

    err = terminal.console(stderr=True)

    def report(progress: Progress) -> None:
        if progress.stage == "notice" or (progress.stage == "estimate" and wish.output == "human"):
            text = terminal.dim(terminal.safe(f"{name}: {progress.message}"))
            err.print(terminal.hanging(err, text, 2), soft_wrap=True)

    return report


async def context_of(scanned: Scanned, only: set[str] | None, course: Course) -> tuple[Related, ...]:
    """The related files that the model is shown."""
    from codefactory.analyzers.graph.recency import git_recency
    from codefactory.pipelines.context import choose_context, related_files

    from .graph import load

    root, limit, file = scanned.project.root, scanned.project.settings.context.max_tokens, scanned.file
    if not limit or file is None:
        return ()
    if root not in course.graphs:
        course.graphs[root] = asyncio.ensure_future(asyncio.to_thread(load, root))
    graph = await course.graphs[root]

    def choose() -> tuple[Related, ...]:
        findings = scanned.analysis.findings
        pack = choose_context(graph, file.snapshot, findings, limit, only=only, recency=git_recency(str(root)))
        return related_files(pack)

    return await asyncio.to_thread(choose)


def _choices(work: Sequence[Scanned]) -> dict[Path, Choice]:
    """Of each project. What only safe fixes may change, no model changes that was not asked for."""
    from codefactory.analyzers import Safety
    from codefactory.pipelines.models import ModelError
    from codefactory.pipelines.models.configured import Choice, choose_model

    async def choose(settings: Settings) -> Choice:
        if "improve" in settings.model.routes:
            from codefactory.pipelines.routing.configured import routed_choice

            return routed_choice(settings)
        if settings.repair.allow is Safety.SAFE and settings.model.name is None:
            return Choice(None, "What a model writes is to be reviewed, and only safe changes are allowed.")
        return await choose_model(settings)

    async def choose_all() -> dict[Path, Choice]:
        projects = {s.project.root: s.project.settings for s in work}
        return {root: await choose(settings) for root, settings in projects.items()}

    try:
        return asyncio.run(choose_all())
    except ModelError as error:
        raise click.UsageError(str(error)) from error


def _say_choices(course: Course) -> None:
    """A model that was chosen for the user is named before it is asked."""
    from codefactory.pipelines.models.configured import NAMED

    from . import terminal

    err = terminal.console(stderr=True)
    for said in dict.fromkeys(str(c) for c in course.choices.values() if c.model is not None and c.why != NAMED):
        err.print(terminal.hanging(err, terminal.dim(f"Model: {terminal.safe(said)}"), 2), soft_wrap=True)


def asking_of(scanned: Scanned, course: Course) -> dict[str, Any]:
    """The arguments of `repair` for the model; none without one."""
    from codefactory.pipelines.budget import Budget
    from codefactory.pipelines.prompts import PromptLibrary
    from codefactory.pipelines.routing.configured import account, route

    settings = scanned.project.settings
    model = route(settings, "improve", default=course.choices[scanned.project.root].model, run=course.run)
    if model is None:
        return {}
    limits = settings.budget
    left = None if limits.max_usd is None else max(0.0, limits.max_usd - course.spent_usd)
    return {
        "model": model,
        "budget": replace(Budget.of(limits), max_usd=left),
        "account": account(settings, str(scanned.project.root), course.run),
        "prompts": PromptLibrary(scanned.project.root),
    }


def _write_results(
    wish: Wish, finished: Sequence[Repaired], problems: Sequence[Problem], course: Course, again: str
) -> None:
    from codefactory.server.as_json import problem_to_json

    from . import diffs, terminal
    from .evidence import print_evidence, print_summary, repaired_to_json

    if wish.output == "json":
        terminal.print_json(
            {
                "version": 1,
                "mode": "write" if wish.write else "diff",
                "interrupted": course.interrupted,
                "models": [{"name": c.name, "why": c.why} for c in dict.fromkeys(course.choices.values())],
                "files": [repaired_to_json(r) for r in finished],
                "problems": [problem_to_json(p) for p in problems],
            }
        )
        return
    out = terminal.console(stderr=wish.output == "diff")
    if wish.output == "diff":
        sys.stdout.flush()
        for repaired in finished:
            sys.stdout.buffer.write(repaired.diff)
        sys.stdout.buffer.flush()
    else:
        for repaired in finished:
            if repaired.diff:
                out.print(terminal.bold(repaired.name), soft_wrap=True)
            for line in diffs.coloured(repaired.diff, repaired.file.encoding, out.width):
                out.print(line, soft_wrap=True)
            print_evidence(out, repaired)
            out.print()
    for repaired in finished:
        if repaired.failure:
            terminal.print_failure(f"{repaired.name} was not written: {repaired.failure}")
    if not finished:
        out.print("Nothing to repair." if not course.interrupted else "Nothing was finished.")
        return
    print_summary(out, finished, write=wish.write, again=again)
    without = next((c.why for c in course.choices.values() if c.model is None), None)
    if without and any(r.result.kind == "refusal" or r.result.evidence.verdict.delta.remaining for r in finished):
        said = terminal.dim(f"Only deterministic fixes were tried. {without}")
        out.print(terminal.hanging(out, said, 2), soft_wrap=True)


def _say_interrupted(finished: int, total: int, *, write: bool) -> None:
    what = "written" if write else "shown"
    click.echo(
        f"Interrupted: {finished} of {total} files were finished and {what}; the others are untouched.", err=True
    )
