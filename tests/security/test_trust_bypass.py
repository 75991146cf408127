"""What the user has not trusted as it is, where it is, does not run."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines import trust
from codefactory.pipelines.definitions import load, load_source, loads
from codefactory.pipelines.engine import Engine, ResumeError
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from pathlib import Path

CODE = "version: 1\nname: p\nsteps: {a: {type: function, with: {call: 'os:getcwd'}}}\n"
OUTER = "version: 1\nname: o\nsteps: {a: {type: pipeline, with: {path: inner.yaml}}}\n"
HARMLESS = "version: 1\nname: i\nsteps: {a: {type: set, with: {value: 1}}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "project"
    root.mkdir()
    return root


def runs(file: Path) -> bool:
    """Whether the definition may run code, and gets the policy of trusted ones."""
    loaded = load(file, trusted=trust.is_trusted)
    if loaded.plan is None:
        assert "untrusted" in {finding.code for finding in loaded.findings}
    return loaded.plan is not None and loaded.trusted


def trusted(file: Path, text: str = CODE) -> Path:
    file.write_text(text)
    trust.trust(file, text.encode())
    assert runs(file)
    return file


@pytest.mark.hostile("trust-changed", "a trusted pipeline is changed by one character")
def test_a_change(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    file.write_text(CODE + " ")
    assert not runs(file)
    with pytest.raises(trust.UntrustedError, match=r"p.yaml has changed since you trusted it; look at it and run"):
        trust.trusted_bytes(file)


@pytest.mark.hostile("trust-include", "a trusted pipeline contains one that is not")
def test_an_include(folder: Path) -> None:
    (folder / "inner.yaml").write_text(CODE)
    (folder / "outer.yaml").write_text(OUTER)
    trust.trust(folder / "outer.yaml")
    assert not runs(folder / "outer.yaml")


@pytest.mark.hostile(
    "trust-include-changed", "a file that a trusted pipeline contains is changed, harmless as it looks"
)
def test_an_include_that_runs_no_code_itself(folder: Path) -> None:
    (folder / "inner.yaml").write_text(HARMLESS)
    trust.trust(folder / "inner.yaml")
    outer = trusted(folder / "outer.yaml", OUTER)
    (folder / "inner.yaml").write_text(HARMLESS.replace("1}", "2}"))
    loaded = load(outer, trusted=trust.is_trusted, policy=lambda whole: pytest.fail("trusted") if whole else None)  # type: ignore[arg-type,return-value]
    assert not loaded.trusted


@pytest.mark.hostile("trust-include-elsewhere", "a trusted pipeline contains a file outside of its folder")
def test_an_include_by_dots(folder: Path) -> None:
    (folder.parent / "inner.yaml").write_text(CODE)
    file = folder / "outer.yaml"
    file.write_text(OUTER.replace("inner.yaml", "../inner.yaml"))
    loaded = load(file, trusted=True)
    assert loaded.plan is None
    assert "is outside of the pipeline's folder" in loaded.findings[0].message


@pytest.mark.hostile("trust-include-symlink", "a link in the folder leads to a pipeline outside of it")
def test_an_include_by_a_link(folder: Path) -> None:
    (folder.parent / "evil.yaml").write_text(CODE)
    (folder / "inner.yaml").symlink_to(folder.parent / "evil.yaml")
    file = folder / "outer.yaml"
    file.write_text(OUTER)
    loaded = load(file, trusted=True)
    assert loaded.plan is None
    assert "is outside of the pipeline's folder" in loaded.findings[0].message


@pytest.mark.hostile("trust-rename", "another file is given the name of a trusted one")
def test_a_rename(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    (folder / "q.yaml").write_text(CODE.replace("getcwd", "getpid"))
    (folder / "q.yaml").replace(file)
    assert not runs(file)


@pytest.mark.hostile("trust-moved", "trusted content is put elsewhere, where other files are around it")
def test_a_copy(folder: Path) -> None:
    trusted(folder / "p.yaml")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "p.yaml").write_text(CODE)
    assert not runs(folder / "elsewhere" / "p.yaml")


@pytest.mark.hostile("trust-symlink", "a trusted file becomes a link to another")
def test_a_link_in_its_place(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    evil = folder / "evil.yaml"
    evil.write_text(CODE)
    file.unlink()
    file.symlink_to(evil)
    assert not runs(file)


@pytest.mark.hostile("trust-folder-symlink", "the folder of a trusted file becomes a link to another")
def test_a_linked_folder(folder: Path) -> None:
    (folder / "a").mkdir()
    trusted(folder / "a" / "p.yaml")
    (folder / "b").mkdir()
    (folder / "b" / "p.yaml").write_text(CODE)
    (folder / "a").rename(folder / "c")
    (folder / "a").symlink_to(folder / "b")
    assert not runs(folder / "a" / "p.yaml")


@pytest.mark.hostile("trust-hardlink", "a trusted file is changed through another name of the same file")
def test_a_hard_link(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    os.link(file, folder / "other.yaml")
    assert not runs(folder / "other.yaml")
    (folder / "other.yaml").write_text(CODE.replace("getcwd", "getpid"))
    assert not runs(file)


@pytest.mark.hostile("trust-case", "the name of a trusted file in other letters")
def test_other_letters(folder: Path) -> None:
    trusted(folder / "pipeline.yaml")
    other = folder / "PIPELINE.yaml"
    if not other.exists():  # where letters matter, it is another file; where not, the path is
        other.write_text(CODE)
    assert not runs(other)


@pytest.mark.hostile("trust-unicode", "the name of a trusted file, spelt with other code points")
def test_other_code_points(folder: Path) -> None:
    trusted(folder / "caf\u00e9.yaml")
    other = folder / "cafe\u0301.yaml"
    if not other.exists():
        other.write_text(CODE)
        assert not runs(other)


@pytest.mark.hostile("trust-toctou", "the file is exchanged between the check and the load")
def test_what_was_checked_is_what_is_loaded(folder: Path) -> None:
    file = trusted(folder / "p.yaml", CODE)

    def exchange(path: Path, data: bytes) -> bool:
        verdict = trust.is_trusted(path, data)
        path.write_text(CODE.replace("getcwd", "system"))
        return verdict

    plan = load(file, trusted=exchange).unwrap()
    assert "os:getcwd" in (plan.source or "")
    file.write_text(CODE)

    class Exchanging(type(file)):  # type: ignore[misc]
        def read_bytes(self) -> bytes:
            data = super().read_bytes()
            self.write_text("evil")
            return data

    assert trust.trusted_bytes(Exchanging(file)) == CODE.encode()


@pytest.mark.hostile("trust-shown-then-changed", "the file is changed while the user is asked whether to trust it")
def test_what_was_shown_is_what_is_trusted(folder: Path) -> None:
    from click.testing import CliRunner

    from codefactory.server.cli import trust as command

    file = folder / "p.yaml"
    file.write_text(CODE)

    def ask(_text: str, **_options: object) -> bool:
        file.write_text(CODE.replace("getcwd", "system"))
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.click, "confirm", ask)
        result = CliRunner().invoke(command.command, [str(file)])
    assert "changed while you were asked" in result.output
    assert not runs(file)


@pytest.mark.hostile("trust-record-writable", "the record of trust can be written by others")
@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_record_that_others_can_write(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    trust.store_path().chmod(0o666)
    assert not runs(file)


@pytest.mark.hostile("trust-record-in-workspace", "the workspace brings a record of trust of its own")
def test_a_record_in_the_workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "p.yaml"
    file.write_text(CODE)
    record = json.dumps({str(file.resolve()): trust.content_hash(CODE.encode())})
    for place in ("trust.json", ".codefactory/trust.json", "codefactory/trust.json", ".config/codefactory/trust.json"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(record)
    monkeypatch.chdir(folder)
    assert not runs(file)


@pytest.mark.hostile("trust-kept-definition", "a definition in a store that came with a workspace runs code")
def test_a_kept_definition(folder: Path) -> None:
    plan = loads(CODE, trusted=True).unwrap()
    with pytest.raises(Exception, match="must be trusted first"):
        load_source(plan.source or "")
    assert not trust.is_version_trusted(plan.version)


@pytest.mark.hostile("trust-revoked-version", "a run is resumed whose definition was trusted once and is no longer")
def test_revoking_reaches_kept_definitions(folder: Path) -> None:
    file = trusted(folder / "p.yaml")
    loaded = load(file, trusted=trust.is_trusted)
    version = loaded.unwrap().version
    trust.remember_version(version, loaded.files)
    assert trust.is_version_trusted(version)
    trust.revoke(file)
    assert not trust.is_version_trusted(version)


@pytest.mark.hostile("trust-kept-definition-swapped", "another definition is put in the store under a trusted version")
async def test_a_kept_definition_is_the_one_of_its_version(folder: Path) -> None:
    plan = loads(HARMLESS).unwrap()
    with Store(folder / "s") as store:
        first = await Engine(store).run(plan)
        connection = sqlite3.connect(folder / "s" / "runs.db")
        connection.execute("update plan set source=?", (loads(CODE, trusted=True).unwrap().source,))
        connection.commit()
        connection.close()
        kept = await store.find_run(first.run_id)
        with pytest.raises(ResumeError, match="it was changed"):
            await store.plan_of(kept, trusted=True)
        with pytest.raises(ResumeError, match="must be trusted first"):
            await Engine(store).fork(first.run_id)
