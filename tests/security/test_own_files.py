"""Steps that work with files do not reach Code Factory's own, whatever the policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines.files.access import Access
from codefactory.pipelines.files.errors import AccessError
from codefactory.pipelines.policy import AccessPolicy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.hostile("file-own-files", "a file step reads or changes our settings, the record of trust or a proof")
def test_the_file_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    record = tmp_path / "config" / "codefactory" / "trust.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    (tmp_path / "link").symlink_to(record.parent)
    access = Access.of(AccessPolicy(read=(tmp_path,), write=(tmp_path,)))
    for text in ("config/codefactory/trust.json", "link/trust.json", str(record)):
        for place in (access.reading, access.writing):
            with pytest.raises(AccessError, match="Code Factory's own"), place(text):
                pass
