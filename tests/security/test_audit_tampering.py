"""Whatever is done to the audit log is noticed, and the first record that is wrong is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.audit import AuditLog, Broken, Place, verify
from codefactory.pipelines.audit.record import make, parse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Six records, in two files."""
    made = Place(tmp_path / "data", tmp_path / "config")
    with AuditLog(made) as log:
        for number in range(3):
            log.note("approval", number=number)
        log.flush()
        made.file.rename(made.rotated())
    with AuditLog(made) as log:
        for number in range(3):
            log.note("approval", number=number)
    assert (verify(made).records, verify(made).broken) == (6, None)
    return made


def lines(place: Place) -> list[bytes]:
    return place.file.read_bytes().splitlines(keepends=True)


def broken(place: Place) -> Broken:
    found = verify(place).broken
    assert found is not None
    return found


@pytest.mark.hostile("audit-edit", "a fact of a record is changed")
def test_edit(place: Place) -> None:
    first, *rest = lines(place)
    place.file.write_bytes(b"".join((first.replace(b'"number":0', b'"number":9'), *rest)))
    assert (broken(place).n, broken(place).line) == (4, 1)
    assert "it was changed" in broken(place).why


@pytest.mark.hostile("audit-delete", "a record is taken out")
def test_delete(place: Place) -> None:
    first, _, last = lines(place)
    place.file.write_bytes(first + last)
    assert (broken(place).n, "records were taken out" in broken(place).why) == (5, True)


@pytest.mark.hostile("audit-reorder", "two records change places")
def test_reorder(place: Place) -> None:
    first, second, last = lines(place)
    place.file.write_bytes(second + first + last)
    assert (broken(place).n, "moved" in broken(place).why) == (4, True)


@pytest.mark.hostile("audit-insert", "a record is put in, or one is there twice")
def test_insert(place: Place) -> None:
    first, second, last = lines(place)
    place.file.write_bytes(first + first + second + last)
    assert broken(place).n == 5
    place.file.write_bytes(first + b'{"n":5}\n' + second + last)
    assert (broken(place).n, broken(place).why) == (5, "the line is no record")


@pytest.mark.hostile("audit-truncate", "the last records are cut off")
def test_truncate(place: Place) -> None:
    first, _, _ = lines(place)
    place.file.write_bytes(first)
    assert (broken(place).n, broken(place).why) == (
        5,
        "it was written through 6, and is missing: the log was cut off at its end",
    )


@pytest.mark.hostile("audit-truncate-then-write", "the last records are cut off, and new ones written")
def test_truncate_and_go_on(place: Place) -> None:
    place.file.write_bytes(lines(place)[0])
    with AuditLog(place) as log:
        log.note("approval", number=7)
    assert (broken(place).n, "in its place" in broken(place).why) == (5, True)


@pytest.mark.hostile("audit-torn", "the last record is cut in the middle, as a crash would")
def test_a_cut_in_a_record_that_was_whole(place: Place) -> None:
    place.file.write_bytes(place.file.read_bytes()[:-20])
    assert (broken(place).n, "cut off at its end" in broken(place).why) == (6, True)


def rehashed(place: Place, key: bytes) -> None:
    """Change a record and make all codes after it anew."""
    records = [parse(line) for file in place.files() for line in file.read_bytes().splitlines()]
    before, out = records[2].code, b""
    for record in records[3:]:
        facts: dict[str, Any] = {"number": 9} if record.n == 4 else record.facts
        fresh = make(key, record.n, record.at, record.kind, facts, before)
        out, before = out + fresh.line(), fresh.code
    place.file.write_bytes(out)


@pytest.mark.hostile("audit-rehash", "a record is changed and all codes are made anew, without the key")
def test_rehash(place: Place) -> None:
    rehashed(place, b"guessed")
    assert (broken(place).n, "made by somebody else" in broken(place).why) == (4, True)


@pytest.mark.hostile("audit-rehash-with-key", "a record is changed with the key, but the head stays")
def test_rehash_with_the_key(place: Place) -> None:
    rehashed(place, place.key() or b"")
    assert (broken(place).n, broken(place).why) == (6, "it is not the record that was written last")


@pytest.mark.hostile("audit-remove-all", "the whole log is deleted, or its oldest file")
def test_removed_files(place: Place) -> None:
    oldest = place.files()[0]
    kept = oldest.read_bytes()
    oldest.unlink()
    assert broken(place).n == 1
    oldest.write_bytes(kept)
    for file in place.files():
        file.unlink()
    assert (broken(place).n, "through 6" in broken(place).why) == (1, True)
    with AuditLog(place) as log:
        log.note("approval", number=0)
    assert broken(place).n == 1


@pytest.mark.hostile("audit-remove-proof", "the key or the head is deleted")
def test_removed_proofs(place: Place) -> None:
    (place.proof_folder / "audit.head").unlink()
    assert "the head is gone" in broken(place).why
    (place.proof_folder / "audit.key").unlink()
    assert "nothing can be proved" in broken(place).why


@pytest.mark.hostile("audit-newline", "facts with line ends and quotes, to make a record of their own")
def test_facts_cannot_make_records(place: Place) -> None:
    evil = '"}}\n' + json.dumps({"n": 7, "at": 1, "kind": "approval", "facts": {}, "before": "", "code": ""}) + "\n"
    with AuditLog(place) as log:
        log.note(evil, **{evil: evil})
    assert (verify(place).records, verify(place).broken) == (7, None)
