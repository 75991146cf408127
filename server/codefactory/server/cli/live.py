"""A run on the command line: its options, what is seen of it, its outputs and exit code."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from codefactory.pipelines.engine import Event, RunResult
    from codefactory.pipelines.models import ModelSource
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.secrets import Secrets
    from codefactory.pipelines.store import Store

EXITS = {"succeeded": 0, "failed": 1, "waiting": 4, "stopped": 5, "cancelled": 130}


def live_options(command: Any) -> Any:
    """Options of everything that runs something."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Events as JSON, one a line, then the result."),
        click.option("--quiet", "-q", is_flag=True, help="Only the outputs."),
        click.option("--no-wait", is_flag=True, help="Do not wait for answers: end as `waiting`."),
        click.option(
            "--durability", type=click.Choice(["full", "normal", "none"]), default="normal", show_default=True
        ),
        click.option("--model", metavar="NAME", help="The model of steps that name none, as provider/name."),
        click.option("--max-usd", type=float, help="Stop before more than this many US dollars are spent."),
        click.option("--max-tokens", type=float, help="Stop before more than this many tokens are spent."),
        click.option("--max-seconds", type=float, help="Stop after this time."),
    ):
        command = option(command)
    return command


def finish(
    store: Store | None,
    *,
    as_json: bool,
    quiet: bool,
    no_wait: bool,
    durability: Any,
    model: str | None,
    max_usd: float | None,
    max_tokens: float | None,
    max_seconds: float | None,
    policy: AccessPolicy | None = None,
    secrets: Secrets | None = None,
    **what: Any,
) -> None:
    """Run, resume or fork; show it; print the outputs; end with the exit code of the status."""
    from codefactory.pipelines.audit import AuditLog
    from codefactory.pipelines.engine import Budget, Engine, EngineError

    limits = (max_tokens, max_usd, max_seconds)
    budget = None
    if any(limit is not None for limit in limits):
        budget = Budget(tokens=max_tokens, usd=max_usd, wall_s=max_seconds)
    view = json_line if as_json else None if quiet else View()
    audit = AuditLog()
    engine = Engine(store, secrets=secrets, audit=audit, models=_models(model))
    options: dict[str, Any] = {
        "durability": durability,
        "budget": budget,
        "policy": policy,
        "wait": not no_wait,
        "on_event": view,
    }
    try:
        result = asyncio.run(_interruptible(engine, what, options))
    except EngineError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from error
    finally:
        engine.close()
        audit.close()
        if audit.problem is not None:
            click.echo(audit.problem, err=True)
    if isinstance(view, View):
        view.close()
    _print(result, as_json=as_json)
    raise SystemExit(EXITS[result.status])


def _models(name: str | None) -> ModelSource:
    """By the settings that count here, which are read when a step first asks a model."""
    from codefactory.pipelines.models.source import models_of, read_when_needed

    from .check import command_line_layer

    def read() -> ModelSource:
        from codefactory.pipelines.settings import resolve, user_layer, workspace_layer

        layers = (user_layer()[0], workspace_layer(Path.cwd())[0], command_line_layer({"model": {"name": name}}))
        return models_of(resolve(layers)[0])

    return read_when_needed(read)


async def _interruptible(engine: Any, what: dict[str, Any], options: dict[str, Any]) -> RunResult:
    """The result; Ctrl-C cancels the run and still gives one."""
    import signal

    def stop() -> None:
        for run_id in engine.active:
            engine.cancel(run_id, "interrupted")

    with suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
    if "resume" in what:
        return await engine.resume(what["resume"], what.get("plan"), **options)
    if "fork" in what:
        return await engine.fork(what["fork"], at=what["at"], edit=what["edit"], plan=what.get("plan"), **options)
    return await engine.run(what["plan"], what["inputs"], **options)


def _print(result: RunResult, *, as_json: bool) -> None:
    outputs: Any = result.outputs
    if as_json:
        outputs = {
            "run": result.run_id,
            "status": result.status,
            "outputs": result.outputs,
            "error": None if result.error is None else str(result.error),
            "spent": result.spent,
        }
    if as_json or result.status == "succeeded":
        click.echo(json.dumps(outputs, ensure_ascii=False, indent=None if as_json else 1, default=str))
    if result.status != "succeeded" and not as_json:
        click.echo(f"run {result.run_id} {result.status}: {result.error}", err=True)
        if result.status != "cancelled" or result.run_id:
            click.echo(f"go on with: codefactory runs resume {result.run_id}", err=True)


def json_line(event: Event) -> None:
    click.echo(json.dumps(event.to_json(), ensure_ascii=False, default=str))


class View:
    """What happens, on standard error: steps under way on a line that moves in a terminal, one line for each that has
    ended."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._under_way: dict[str, float] = {}
        self._ended = 0
        self._steps = 0

    def __call__(self, event: Event) -> None:
        line = self._line(event)
        if line is not None:
            self._clear()
            click.echo(line, err=True)
        if self._live and self._under_way:
            names = ", ".join(list(self._under_way)[:4]) + (" …" if len(self._under_way) > 4 else "")
            click.echo(f"\r\x1b[K  {self._ended}/{self._steps} {names}", nl=False, err=True)

    def close(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _line(self, event: Any) -> str | None:
        match event.kind:
            case "run_started":
                self._steps = event.steps
                expected = f", about {event.expected_s:.1f} s" if event.expected_s is not None else ""
                return f"run {event.run_id} of {event.pipeline}{' goes on' if event.resumed else ''}{expected}"
            case "step_started":
                self._under_way[event.step] = event.at
                return None
            case "step_finished":
                self._under_way.pop(event.step, None)
                self._ended += "/" not in event.step and "[" not in event.step
                notes = " (cached)" if event.cached else f" ({event.recovered})" if event.recovered else ""
                tries = f", {event.attempts} attempts" if event.attempts > 1 else ""
                return f"  ✓ {event.step}{notes}  {event.duration_s:.2f} s{tries}"
            case "step_skipped":
                self._ended += 1
                return f"  – {event.step}: {event.reason}"
            case "step_failed":
                self._under_way.pop(event.step, None)
                return f"  ✗ {event.step} ({event.category}): {event.message}"
            case "attempt_failed":
                return f"  ↻ {event.step}: {event.message}; again in {event.retry_in_s:.1f} s"
            case "log_written":
                return f"    {event.step}: {event.message}"
            case "approval_requested":
                choices = "|".join(event.choices)
                return f"  ? {event.step}: {event.question}\n    codefactory runs answer {event.run_id} {choices}"
            case "run_finished":
                return f"{event.status} after {event.duration_s:.2f} s"
            case _:
                return None
