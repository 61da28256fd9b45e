"""What is on disk is used only when it is whole, ours, and nobody else could have written it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from numzyme import cache
from numzyme.runtime import store

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMZYME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "counters", store.Counters())
    return tmp_path / "cache"


def entry(folder: Path) -> Path:
    return folder / f"{KEY.hex()}.entry"


def test_what_is_saved_is_loaded(folder: Path) -> None:
    assert store.load(KEY) is None
    assert store.save(KEY, {"a": [1, "b"]}, [b"machine", b"", b"code"])
    assert store.load(KEY) == store.Entry({"a": [1, "b"]}, (b"machine", b"", b"code"))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("position", [0, 9, 45, 60, 80, -1])
def test_damaged(folder: Path, position: int) -> None:
    store.save(KEY, {"a": 1}, [b"machine code"])
    content = bytearray(entry(folder).read_bytes())
    content[position] ^= 1
    entry(folder).write_bytes(content)
    assert store.load(KEY) is None
    assert cache.statistics().ignored == 1


@pytest.mark.parametrize("length", [0, 7, 79, 80, 100])
def test_truncated_or_longer(folder: Path, length: int) -> None:
    store.save(KEY, {"a": 1}, [b"machine code"])
    content = entry(folder).read_bytes()
    entry(folder).write_bytes(content[:length])
    assert store.load(KEY) is None
    entry(folder).write_bytes(content + b"x")
    assert store.load(KEY) is None


def test_entry_of_another_key(folder: Path) -> None:
    other = bytes(32)
    store.save(other, {"a": 1}, [])
    (folder / f"{other.hex()}.entry").rename(entry(folder))
    assert store.load(KEY) is None


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702, 0o1777])
def test_folder_that_others_can_write_to(folder: Path, mode: int) -> None:
    store.save(KEY, {"a": 1}, [])
    folder.chmod(mode)
    assert store.load(KEY) is None
    assert not store.save(bytes(32), {}, [])
    assert cache.statistics().entries == 0 and cache.clear() == 0
    folder.chmod(0o700)
    assert store.load(KEY) is not None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_can_write_to(folder: Path, mode: int) -> None:
    store.save(KEY, {"a": 1}, [])
    entry(folder).chmod(mode)
    assert store.load(KEY) is None


def test_another_owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(KEY, {"a": 1}, [])
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert store.load(KEY) is None and not store.save(KEY, {}, [])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_owner(folder: Path) -> None:
    store.save(KEY, {"a": 1}, [])
    os.chown(entry(folder), 12345, 12345)
    assert store.load(KEY) is None


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    store.save(KEY, {"a": 1}, [])
    elsewhere = tmp_path / "elsewhere"
    entry(folder).rename(elsewhere)
    entry(folder).symlink_to(elsewhere)
    assert store.load(KEY) is None


def test_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMZYME_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert store.load(KEY) is None and not store.save(KEY, {}, []) and cache.clear() == 0
    monkeypatch.setenv("NUMZYME_CACHE_DIR", str(tmp_path / "file"))
    assert store.load(KEY) is None and not store.save(KEY, {}, [])


def test_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(KEY, {"a": 1}, [])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write", full)
    assert not store.save(bytes(32), {}, [])
    assert len(list(folder.iterdir())) == 1


def test_clear(folder: Path) -> None:
    store.save(KEY, {}, [])
    store.save(bytes(32), {}, [b"x"])
    (folder / "notes.txt").write_text("the user's own")
    assert cache.statistics().entries == 2
    assert cache.clear() == 2
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert cache.directory() == folder


def test_oldest_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT_BYTES", 4000)
    keys = [bytes([n]) * 32 for n in range(4)]
    for age, key in enumerate(keys[:3]):
        store.save(key, {}, [bytes(1000)])
        os.utime(folder / f"{key.hex()}.entry", (age, age))
    store.load(keys[0])  # used last
    store.save(keys[3], {}, [bytes(1000)])
    assert [store.load(key) is not None for key in keys] == [True, False, False, True]


def test_not_every_entry_counts_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 entries of 100 bytes none should: it may be one by chance, in one of 800 runs."""
    looks = []
    listed = store._files
    monkeypatch.setattr(store, "_files", lambda folder: looks.append(folder) or listed(folder))
    for number in range(100):
        assert store.save(bytes([number]) * 32, {}, [bytes(50)])
    assert len(looks) < 5


def test_abandoned_files_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT_BYTES", 1000)
    store.save(KEY, {}, [])
    (folder / "dead.part").write_bytes(b"")
    os.utime(folder / "dead.part", (1, 1))
    (folder / "busy.part").write_bytes(b"")
    store.save(bytes(32), {}, [])
    assert {path.name for path in folder.iterdir() if path.suffix == ".part"} == {"busy.part"}


@pytest.mark.parametrize("value", ["", "0", "off", "OFF", " off "])
def test_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMZYME_CACHE_DIR", value)
    assert cache.directory() is None
    assert store.load(KEY) is None and not store.save(KEY, {}, []) and cache.clear() == 0


def test_many_writers() -> None:
    def work(number: int) -> None:
        for _ in range(30):
            store.save(KEY, {"by": number}, [bytes([number]) * 5000])
            found = store.load(KEY)
            assert found is not None and set(found.blobs[0]) == {found.about["by"]}

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.statistics().ignored == 0 and cache.statistics().entries == 1
