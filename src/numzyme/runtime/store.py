"""Compiled code on disk: entries found by a digest, in a folder that nobody else can write to.

Decides where the folder is (`NUMZYME_CACHE_DIR`, else the user's cache folder), which folders and files are trusted,
and which entries go when there are too many. What an entry means is its owner's affair.

Invariants: nothing is read from a folder or file that belongs to another user or that others may write to; nothing is
handed out whose digests do not match; an entry is written whole or not at all, whoever else writes at the same time; no
failure of the file system reaches the caller.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAGIC = b"numzyme\x01"
LIMIT_BYTES = 512 * 2**20
_KEPT = 0.8  # of the limit, after the oldest entries were removed
_UNCOUNTED = 1 / 64  # of the limit, written by all processes between two looks at the whole folder, on average
_HEADER = struct.Struct("<8s32sQ32s")  # magic, key, length and digest of the payload
_SUFFIX, _TEMPORARY = ".entry", ".part"
_ABANDONED = 3600.0  # seconds after which a temporary file belongs to nobody
_CLOSED_TO_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# Folders are opened once and files relative to them: nobody can put another folder in their place in between.
_SUPPORTED = hasattr(os, "geteuid") and {os.open, os.stat, os.unlink, os.rename, os.utime} <= os.supports_dir_fd


@dataclass(frozen=True)
class Entry:
    """`about`: what json can say; `blobs`: the bytes that belong to it."""

    about: dict[str, Any]
    blobs: tuple[bytes, ...]


@dataclass
class Counters:
    """What happened in this process; `reasons` says why something was not stored or not read, most recent last."""

    events: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    def count(self, event: str, reason: str | None = None) -> None:
        self.events[event] += 1
        if reason is not None:
            self.reasons = [*self.reasons[-31:], reason]


counters = Counters()


def directory() -> Path | None:
    """The folder of the cache, which need not exist yet; None when there is none."""
    given = os.environ.get("NUMZYME_CACHE_DIR")
    if not _SUPPORTED or (given is not None and given.strip().lower() in ("", "0", "off")):
        return None
    if given is not None:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    except RuntimeError:
        return None  # a user without a home
    return home / "numzyme"


def load(key: bytes) -> Entry | None:
    """The entry for `key`, if there is one that can be trusted."""
    try:
        with _opened(create=False) as folder:
            content = _read(folder, key.hex() + _SUFFIX)
            found = None if content is None else _decode(key, content)
            if found is not None:
                os.utime(key.hex() + _SUFFIX, dir_fd=folder)  # used last
            elif content is not None:
                counters.count("ignored", f"the entry {key.hex()[:12]} is damaged")
            return found
    except FileNotFoundError:
        return None
    except OSError as error:
        counters.count("ignored", str(error))
        return None


def save(key: bytes, about: dict[str, Any], blobs: Sequence[bytes]) -> bool:
    """Keep an entry; False when that is not possible."""
    payload = _encode(about, blobs)
    header = _HEADER.pack(MAGIC, key, len(payload), hashlib.sha256(payload).digest())
    try:
        with _opened(create=True) as folder:
            temporary = f"{key.hex()[:16]}.{os.getpid()}.{secrets.token_hex(8)}{_TEMPORARY}"
            try:
                _write(folder, temporary, header + payload)
                os.rename(temporary, key.hex() + _SUFFIX, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            # a full folder has 10,000 entries: to look at them all takes longer than to write one
            if secrets.randbelow(max(1, int(LIMIT_BYTES * _UNCOUNTED))) < len(payload):
                _trim(folder)
    except OSError as error:
        counters.count("ignored", str(error))
        return False
    return True


def clear() -> int:
    """Remove all entries; how many there were."""
    removed = 0
    with suppress(OSError), _opened(create=False) as folder:
        for name, _ in _files(folder):
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
                removed += name.endswith(_SUFFIX)
    return removed


def size() -> tuple[int, int]:
    """Number of entries, and their bytes."""
    found: list[int] = []
    with suppress(OSError), _opened(create=False) as folder:
        found = [status.st_size for name, status in _files(folder) if name.endswith(_SUFFIX)]
    return len(found), sum(found)


# -- trust
@contextmanager
def _opened(create: bool) -> Iterator[int]:
    """A descriptor of the folder; OSError unless it belongs to us and others cannot write to it."""
    path = directory()
    if path is None:
        raise FileNotFoundError("there is no cache folder")
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(descriptor)):
            raise PermissionError(f"the cache folder {path} belongs to another user, or others can write to it")
        yield descriptor
    finally:
        os.close(descriptor)


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _CLOSED_TO_OTHERS


def _read(folder: int, name: str) -> bytes | None:
    """The content of a file of ours; None when it is not one."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(name, flags, dir_fd=folder), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
            counters.count("ignored", f"the entry {name[:12]} belongs to another user, or others can write to it")
            return None
        return file.read()


# -- format
def _encode(about: dict[str, Any], blobs: Sequence[bytes]) -> bytes:
    text = json.dumps({"about": about, "lengths": [len(blob) for blob in blobs]}).encode()
    return b"".join([struct.pack("<Q", len(text)), text, *blobs])


def _decode(key: bytes, content: bytes) -> Entry | None:
    """The entry in `content`; None unless every byte is as it was written for `key`."""
    if len(content) < _HEADER.size:
        return None
    magic, written_for, length, digest = _HEADER.unpack_from(content)
    payload = content[_HEADER.size :]
    if magic != MAGIC or written_for != key or length != len(payload) or digest != hashlib.sha256(payload).digest():
        return None
    (text_length,) = struct.unpack_from("<Q", payload)
    described = json.loads(payload[8 : 8 + text_length])
    blobs, start = [], 8 + text_length
    for blob_length in described["lengths"]:
        blobs.append(payload[start : start + blob_length])
        start += blob_length
    return Entry(described["about"], tuple(blobs))


def _write(folder: int, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
        file.write(content)


# -- room
def _files(folder: int) -> list[tuple[str, os.stat_result]]:
    """Our files; other things in the folder are left alone."""
    found = []
    for name in os.listdir(folder):
        if name.endswith((_SUFFIX, _TEMPORARY)):
            with suppress(OSError):
                found.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
    return found


def _trim(folder: int) -> None:
    """Remove what was used longest ago when there is too much, and what writers that died left behind."""
    files = _files(folder)
    now = time.time()
    gone = [n for n, status in files if n.endswith(_TEMPORARY) and status.st_mtime < now - _ABANDONED]
    entries = sorted((pair for pair in files if pair[0].endswith(_SUFFIX)), key=lambda pair: pair[1].st_mtime)
    total = sum(status.st_size for _, status in entries)
    if total > LIMIT_BYTES:
        for name, status in entries:
            if total <= _KEPT * LIMIT_BYTES:
                break
            gone.append(name)
            total -= status.st_size
    for name in gone:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
