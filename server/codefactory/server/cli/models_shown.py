"""What `codefactory models list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.pipelines.models.catalogue import Catalogue, LocalModel
    from codefactory.pipelines.models.configured import Choice
    from codefactory.pipelines.models.discovery import LocalServer
    from codefactory.pipelines.settings import Settings


def print_json(catalogue: Catalogue, servers: Sequence[LocalServer], choice: Choice, settings: Settings) -> None:
    from codefactory.pipelines.models.embedded import is_installed

    terminal.print_json(
        {
            "version": 1,
            "models": [_as_json(model, settings) for model in catalogue],
            "servers": [{"kind": s.kind, "port": s.port, "models": list(s.names)} for s in servers],
            "chosen": {"name": choice.name, "why": choice.why},
            "embeddedInstalled": bool(settings.local.host) or is_installed(),
        }
    )


def _as_json(model: LocalModel, settings: Settings) -> dict[str, Any]:
    return {
        "name": f"embedded/{model.name}",
        "title": model.title,
        "licence": model.licence,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "contextTokens": model.context_tokens,
        "memoryBytes": model.memory_bytes(settings.local.context_tokens),
        "chatTemplate": model.chat_template or None,
        "note": model.note or None,
        "pulled": model.is_pulled(),
        "fetchedBytes": _fetched(model),
        "path": str(model.path) if model.is_pulled() else None,
        "sources": [str(source) for source in model.sources],
    }


def _fetched(model: LocalModel) -> int:
    """Of a pull that did not end; all of it when it is here."""
    from codefactory.pipelines.models.download_sources import partial_of

    if model.is_pulled():
        return model.bytes
    return max((partial_of(model, source).done_bytes for source in model.sources), default=0)


def print_tables(catalogue: Catalogue, servers: Sequence[LocalServer], choice: Choice, settings: Settings) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from codefactory.pipelines.models.catalogue import size
    from codefactory.pipelines.models.discovery import TITLES, ports_of

    out = terminal.console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("to pull", "size", "memory", "licence", "here"):
        table.add_column(title, no_wrap=True)
    table.add_column("", style="dim", overflow="fold")
    for model in catalogue:
        memory = size(model.memory_bytes(settings.local.context_tokens))
        state = Text(*_state(model))
        table.add_row(
            Text(model.name, "bold"), size(model.bytes), memory, terminal.safe(model.licence), state, model.note
        )
    out.print(table)
    for server in servers:
        out.print(terminal.bold(server.title))
        for name in server.names:
            out.print(f"  {terminal.safe(name)}")
        if not server.names:
            out.print("  no model that can chat")
    if not settings.local.discover:
        out.print("Servers on this machine are not looked for (codefactory.local.discover).")
    elif not servers:
        looked = ", ".join(f"{TITLES[kind]} {port}" for kind, port in ports_of(settings.local))
        out.print(
            terminal.hanging(out, terminal.dim(f"No server on this machine answers ({looked})."), 2), soft_wrap=True
        )
    out.print()
    said = Text.assemble(("Used: ", "bold"), terminal.safe(str(choice))) if choice.model else Text(choice.why)
    out.print(terminal.hanging(out, said, 2), soft_wrap=True)


def _state(model: LocalModel) -> tuple[str, str]:
    if model.is_pulled():
        return "yes", "green"
    fetched = _fetched(model)
    return (f"{100 * fetched // model.bytes} %", "yellow") if fetched else ("–", "dim")
