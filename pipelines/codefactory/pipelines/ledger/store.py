"""`LedgerStore`: the ledger's file."""

from __future__ import annotations

import functools
from pathlib import Path

import platformdirs

from codefactory.pipelines.store.serial import SerialDatabase

from .database import LEDGER


class LedgerStore(SerialDatabase):
    def __init__(self, path: Path) -> None:
        super().__init__(path, LEDGER)


def ledger_path() -> Path:
    return Path(platformdirs.user_data_dir("codefactory")) / "ledger.db"


def default_store() -> LedgerStore:
    """The user's ledger; the same object for all of this process."""
    return _store_at(ledger_path())


@functools.cache
def _store_at(path: Path) -> LedgerStore:
    return LedgerStore(path)
