"""`codefactory runs`: the runs that were kept."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .access import Grant, access_options, split_options
from .live import finish, json_line, live_options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from codefactory.pipelines.store import KeptRun, Store

STORE = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".codefactory"),
    show_default=True,
    help="The folder that runs are kept in.",
)


@contextmanager
def store_of(folder: Path | None) -> Generator[Store | None]:
    """The store in a folder, closed at the end; says when a damaged one was set aside."""
    if folder is None:
        yield None
        return
    from codefactory.pipelines.store import Store, StoreError

    try:
        store = Store(folder)
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    if store.set_aside is not None:
        click.echo(f"the run store was damaged; it is kept as {store.set_aside}, and a new one begun", err=True)
    with store:
        yield store


@click.group("runs")
def command() -> None:
    """List, inspect, resume, fork, cancel and prune runs."""


@command.command("list")
@STORE
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--status", help="Only runs with this status.")
@click.option("--limit", default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_(store: Path, pipeline: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """The newest runs."""
    from codefactory.pipelines.store import queries

    with store_of(store) as opened:
        runs: list[KeptRun] = _need(opened).query(
            partial(queries.list_runs, pipeline=pipeline, status=status, limit=limit)
        )
    for run in runs:
        state = "interrupted" if run.interrupted else run.status
        if as_json:
            row = {"run": run.id, "status": state, "pipeline": run.pipeline, "created_at": run.created_at}
            click.echo(json.dumps(row | {"duration_s": run.duration_s, "error": run.error}))
        else:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created_at))
            took = f"{run.duration_s:8.2f} s" if run.duration_s is not None else " " * 10
            click.echo(f"{run.id}  {when}  {took}  {state:<11}  {run.pipeline}")


@command.command("show")
@click.argument("run")
@STORE
def show(run: str, store: Path) -> None:
    """What a run did, where its time went, and what could be better."""
    from codefactory.pipelines.store import queries, replay

    with store_of(store) as opened:
        kept = _find(opened, run)
        summary = _need(opened).query(partial(replay.summarise, kept=kept))
        questions = _need(opened).query(partial(queries.open_questions, n=kept.n))
    click.echo(f"{kept.id}  {kept.pipeline}  version {kept.version}")
    click.echo(f"status    {'interrupted' if kept.interrupted else kept.status}")
    if kept.error:
        click.echo(f"error     {kept.error}")
    click.echo(f"inputs    {json.dumps(kept.inputs, ensure_ascii=False)}")
    if kept.status == "succeeded":
        click.echo(f"outputs   {json.dumps(kept.outputs, ensure_ascii=False)}")
    if kept.spent:
        click.echo(f"spent     {', '.join(f'{v:g} {k}' for k, v in kept.spent.items() if v) or 'nothing'}")
    if kept.parent:
        click.echo(f"fork of   {kept.parent}")
    click.echo(f"steps     {summary.steps} run, {summary.skipped} skipped, {summary.wall_s:.2f} s")
    for step in summary.slowest:
        click.echo(f"          {step.duration_s:8.2f} s {step.share:4.0%}  {step.path}")
    for hint in summary.hints:
        click.echo(f"hint      {hint}")
    for path, question in questions:
        text, *choices = question.split("\n")
        click.echo(f"asks      {path}: {text} ({'|'.join(choices)})")


@command.command("logs")
@click.argument("run")
@STORE
@click.option("--json", "as_json", is_flag=True)
def logs(run: str, store: Path, as_json: bool) -> None:
    """Everything that happened in a run, in order."""
    from codefactory.pipelines.store import replay

    with store_of(store) as opened:
        kept = _find(opened, run)
        events = _need(opened).query(partial(replay.events, kept=kept))
    for event in events:
        if as_json:
            json_line(event)
        else:
            fields = {
                k: v for k, v in event.to_json().items() if k not in ("kind", "run_id", "seq", "at") and v is not None
            }
            when = time.strftime("%H:%M:%S", time.localtime(event.at))
            click.echo(f"{event.seq:5d} {when} {event.kind:<18} {' '.join(f'{k}={v}' for k, v in fields.items())}")


@command.command("resume")
@click.argument("run")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="The definition; default: the kept one.")
@click.option("--trust", is_flag=True, help="Let the kept definition run code.")
@STORE
@access_options
@live_options
def resume(run: str, file: Path | None, trust: bool, store: Path, **options: Any) -> None:
    """Go on with a run that failed, was stopped or interrupted, or waited. What is finished is not run again.

    Its steps may touch what they might when it began, and your settings and the --allow options still allow.
    """
    options, access = split_options(options)
    with store_of(store) as opened:
        plan, policy, grant = _plan_for(opened, run, file, trust, access)
        secrets = grant.secret_places()
        finish(opened, resume=_find(opened, run).id, plan=plan, policy=policy, secrets=secrets, **options)


@command.command("fork")
@click.argument("run")
@click.option("--at", help="Run everything after this step again.")
@click.option("--edit", multiple=True, metavar="STEP=JSON", help="Give a step another output.")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Another version of the definition.")
@click.option("--trust", is_flag=True, help="Let the definition run code.")
@STORE
@access_options
@live_options
def fork(
    run: str, at: str | None, edit: tuple[str, ...], file: Path | None, trust: bool, store: Path, **options: Any
) -> None:
    """A new run from a checkpoint of another one."""
    edits: dict[str, Any] = {}
    for pair in edit:
        name, _, value = pair.partition("=")
        try:
            edits[name] = json.loads(value)
        except ValueError as error:
            raise click.UsageError(f"the output of `{name}` is not JSON: {error}") from error
    options, access = split_options(options)
    with store_of(store) as opened:
        plan, policy, grant = _plan_for(opened, run, file, trust, access)
        which = {"fork": _find(opened, run).id, "at": at, "edit": edits, "plan": plan}
        finish(opened, **which, policy=policy, secrets=grant.secret_places(), **options)


@command.command("answer")
@click.argument("run")
@click.argument("choice")
@click.option("--step", help="The step that asked, if several did.")
@STORE
def answer(run: str, choice: str, step: str | None, store: Path) -> None:
    """Answer the question that a run waits for, in your own name."""
    from codefactory.pipelines.audit import AuditLog
    from codefactory.pipelines.principal import local_principal

    with store_of(store) as opened:
        who = local_principal()
        path = _do(_need(opened).answer(run, step, choice, who))
        with AuditLog() as audit:
            audit.note("answered", run=_find(opened, run).id, step=path, choice=choice, who=who.name)
    click.echo(f"answered {path}: {choice}")


@command.command("cancel")
@click.argument("run")
@STORE
def cancel(run: str, store: Path) -> None:
    """End a run: at once if nobody executes it, else by asking the process that does."""
    from codefactory.pipelines.principal import local_principal

    with store_of(store) as opened:
        kept = _find(opened, run)
        if kept.status in ("succeeded", "cancelled"):
            raise click.ClickException(f"run {kept.id} has {kept.status} already")
        if kept.status == "running" and not kept.interrupted:
            _do(_need(opened).request_cancel(kept, f"cancelled by {local_principal().name}"))
            click.echo(f"asked process {kept.owner.pid if kept.owner else '?'} to end run {kept.id}")
        else:
            _do(_need(opened).set_status(kept, "cancelled", f"cancelled by {local_principal().name}"))
            click.echo(f"cancelled {kept.id}")


@command.command("prune")
@STORE
@click.option("--keep", type=int, help="Keep this many of the newest runs.")
@click.option("--days", type=float, help="Delete runs older than this.")
@click.option("--max-mb", type=float, help="Delete the oldest runs until the database is below this size.")
def prune(store: Path, keep: int | None, days: float | None, max_mb: float | None) -> None:
    """Delete old runs and give the space back. Runs under way or waiting for an answer stay."""
    from codefactory.pipelines.store import retention

    if keep is None and days is None and max_mb is None:
        raise click.UsageError("say what to keep: --keep, --days or --max-mb")
    rules = retention.Retention(
        None if days is None else days * 86400, keep, None if max_mb is None else int(max_mb * 1e6)
    )
    with store_of(store) as opened:
        pruned = _do(retention.prune(_need(opened), rules))
    click.echo(f"deleted {pruned.runs} runs and {pruned.files} files, {pruned.bytes / 1e6:.1f} MB")


@command.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@STORE
def backup(target: Path, store: Path) -> None:
    """Copy the store, also one in use, to a new folder."""
    _store_job(lambda retention: retention.backup(store, target))
    click.echo(f"copied {store} to {target}")


@command.command("restore")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@STORE
def restore(source: Path, store: Path) -> None:
    """Put a backup in the place of the store. What was there is kept beside it."""
    aside = _store_job(lambda retention: retention.restore(source, store))
    click.echo(f"restored {store}{f'; the old one is {aside}' if aside else ''}")


@command.command("trash")
@click.argument("run")
@STORE
@click.option("--restore", is_flag=True, help="Put what was deleted back.")
@click.option("--only", "numbers", type=int, multiple=True, metavar="NUMBER", help="Only this entry; may be repeated.")
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Restore into this folder instead.")
@click.option("--json", "as_json", is_flag=True)
def trash(run: str, store: Path, restore: bool, numbers: tuple[int, ...], to: Path | None, as_json: bool) -> None:
    """List what the steps of a run deleted, and put it back.

    Files go back to where they were only beneath the current folder; --to restores those from elsewhere.
    """
    from codefactory.pipelines.files import trash as bin_

    run_id = _run_id(store, run)
    entries = [e for e in bin_.trashed(store, run_id) if not numbers or e.number in numbers]
    if missing := set(numbers) - {e.number for e in entries}:
        raise click.UsageError(f"there is no entry {min(missing)} in the trash of run {run_id}")
    if not restore:
        for entry in entries:
            click.echo(json.dumps(entry.to_json()) if as_json else f"{entry.number:>4}  {entry.path}  ({entry.step})")
        return
    raise SystemExit(_restore(store, run_id, entries, to))


def _restore(store: Path, run_id: str, entries: list[Any], to: Path | None) -> int:
    """The last deleted first, so that a path that was deleted twice ends as it was before both. The exit code."""
    from codefactory.pipelines.engine import EngineError
    from codefactory.pipelines.files import trash as bin_
    from codefactory.pipelines.files.access import Access

    failed = 0
    folder = (to or Path.cwd()).resolve()
    access = Access((), (folder,), folder)
    for entry in reversed(entries):
        target = None if to is None else f"{entry.number}/{entry.path.name}"
        try:
            click.echo(f"restored {bin_.restore(store, run_id, entry, access, target)}")
        except EngineError as error:
            failed = 1
            click.echo(f"not restored: {entry.path}: {error}", err=True)
    return failed


def _run_id(store: Path, run: str) -> str:
    """The whole id of a run in the store; of one that was not kept, as given."""
    if not (store / "runs.db").exists():
        return run
    with store_of(store) as opened:
        return _find(opened, run).id


def _store_job(job: Callable[[Any], Any]) -> Any:
    from codefactory.pipelines.store import StoreError, retention

    try:
        return job(retention)
    except (StoreError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _need(store: Store | None) -> Store:
    if store is None:
        raise click.UsageError("give the folder of a store")
    return store


def _find(store: Store | None, run: str) -> KeptRun:
    return _do(_need(store).find_run(run))


def _plan_for(store: Store | None, run: str, file: Path | None, trust: bool, access: dict[str, Any]) -> Any:
    """The definition given, else the one that was kept with the run; the policy for it; what the user grants."""
    grant = Grant(file or _need(store).place.database.resolve().parents[1], **access)
    if file is not None:
        from .pipelines import allowed_plan_of

        return *allowed_plan_of(file, grant, trust=trust), grant
    plan, trusted = _do(_kept_plan(_need(store), _find(store, run), trust))
    return plan, grant.policy(trusted), grant


async def _kept_plan(store: Store, kept: KeptRun, trust: bool) -> tuple[Any, bool]:
    """A kept definition is trusted if this user has run it as a trusted one: a store may have come with a workspace."""
    from codefactory.pipelines import trust as trusted

    believed = trust or trusted.is_version_trusted(kept.version)
    return await store.plan_of(kept, trusted=believed), believed


def _do(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine; the engine's errors as the command line's."""
    from codefactory.pipelines.engine import EngineError

    try:
        return asyncio.run(work)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
