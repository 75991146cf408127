"""`codefactory server`: the language server. Its arguments are its own."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click


@click.command("server", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the language server, over standard input and output or a socket."""
    server: Any = import_module("codefactory.server.__main__")
    sys.exit(server.main(list(arguments)))
