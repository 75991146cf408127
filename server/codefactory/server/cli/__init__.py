"""`codefactory`: the command line. It translates and decides nothing.

Only click is imported here; a command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from .exits import EXIT_INTERRUPTED, EXIT_USAGE

COMMANDS = {
    "check": "Find problems in files and folders.",
    "repair": "Repair what can be repaired; show the diff and the evidence, or write it.",
    "fixers": "List the deterministic fixers: their rules, and when they do not apply.",
    "graph": "Show which file imports which; cycles; who depends on a file.",
    "context": "Show what a model would be shown along with a file, and why.",
    "run": "Run a pipeline.",
    "runs": "List, follow, resume, fork and prune runs.",
    "steps": "List the types of steps, their settings and the tools there are.",
    "pipelines": "Check, show, convert and compare pipeline definitions.",
    "models": "Get a model that runs on this machine; say which model is used.",
    "cost": "Show what models have cost, by day, model, workspace or run.",
    "doctor": "Say what works on this machine, what does not, and what to do.",
    "trust": "Trust a project's settings, pipelines, prompts and tools as they are now.",
    "audit": "Show what runs did, who approved what, what was trusted; check that the log is whole.",
    "server": "Run the language server (as `python -I -m codefactory.server`).",
}
"""Name → what the list of commands says. Command `name` is the object `command` of module `.name`."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __name__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"codefactory {version('codefactory')}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """Find problems in code, repair them, and show nothing that has not passed the gate."""


def main(arguments: list[str] | None = None) -> None:
    """The console script. Ends the process."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that lacks a character shows its code instead of failing
            reconfigure(errors="backslashreplace")
    try:
        code = cli.main(arguments, prog_name="codefactory", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # `codefactory check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
