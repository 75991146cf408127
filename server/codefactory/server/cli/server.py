"""`codefactory server`: the language server. Its arguments are its own."""

from __future__ import annotations

import sys

import click


@click.command("server", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the language server, over standard input and output or a socket."""
    from codefactory.server import __main__ as server

    sys.argv = ["codefactory server", *arguments]
    server.main()
