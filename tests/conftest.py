"""What all tests share: analyzers with their worker processes, started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Analyzers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def analyzers() -> Iterator[Analyzers]:
    running = Analyzers()
    yield running
    running.close()
