"""A backup: one tar.gz with a manifest in front, and everything in it checked against that before it is believed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from reference_server.commands import Refused

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_MOST_MANIFEST_BYTES: Final = 1_000_000
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `schema` is the revision of the database; `made_at` is ISO, UTC."""

    made_at: str
    version: str
    schema: str
    files: tuple[Member, ...]


def write_archive(target: Path, files: Sequence[tuple[str, Path]], manifest: Manifest, *, force: bool) -> None:
    """Write the backup, mode 0600, as one step. Raises Refused when the file exists, unless `force`."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                _add(archive, MANIFEST, json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2).encode())
                for name, path in files:
                    _add(archive, name, path)
            file.flush()
            os.fsync(file.fileno())
        if force:
            draft.replace(target)
        else:
            os.link(draft, target)
    except FileExistsError as error:
        raise Refused(f"{target} exists: name another file, or give --force to replace it") from error
    except OSError as error:
        raise Refused(f"the backup {target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def member_of(name: str, path: Path) -> Member:
    """Return what the manifest says of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Member(name, size, digest.hexdigest())


def unpack(source: Path, directory: Path) -> Manifest:
    """Unpack a backup into a directory, mode 0600, and check every file. Raises Refused; the directory is then waste.

    Nothing of the archive is trusted: files have plain names, are ordinary, and are what the manifest lists.
    """
    with (
        _explaining(source),
        gzip.open(source) as whole,
        tarfile.open(fileobj=whole, mode="r|") as archive,
    ):
        members = iter(archive)
        manifest = _manifest(source, archive, next(members, None))
        for expected in manifest.files:
            found = next(members, None)
            if found is None or found.name != expected.name or not found.isreg() or found.size != expected.bytes:
                raise Refused(f"{source} is damaged: {expected.name} is missing or not what its manifest says")
            content = archive.extractfile(found)
            assert content is not None
            if _copy(content, directory / expected.name) != expected.sha256:
                raise Refused(f"{source} is damaged: {expected.name} has another SHA-256 than its manifest says")
        if next(members, None) is not None:
            raise Refused(f"{source} holds more than its manifest says")
        while whole.read(_CHUNK):  # to the checksum behind the last byte
            pass
    return manifest


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o600
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    with content.open("rb") as file:
        archive.addfile(entry, file)


@contextmanager
def _explaining(source: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise Refused(f"{source} is cut short") from error
    except (zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        is_cut = "unexpected end of data" in str(error)
        what = "is cut short" if is_cut else "is damaged, or no backup that tonpo admin backup has made"
        raise Refused(f"{source} {what}") from error
    except OSError as error:
        raise Refused(f"{source} cannot be restored: {error.strerror or error}") from error


def _manifest(source: Path, archive: tarfile.TarFile, first: tarfile.TarInfo | None) -> Manifest:
    foreign = Refused(f"{source} is no backup that tonpo admin backup has made")
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MOST_MANIFEST_BYTES:
        raise foreign
    content = archive.extractfile(first)
    assert content is not None
    try:
        said = json.loads(content.read())
        if said["format"] != FORMAT:
            raise Refused(f"{source} has the format {said['format']!r}, which this version does not know")
        files = tuple(Member(one["name"], one["bytes"], one["sha256"]) for one in said["files"])
        manifest = Manifest(str(said["made_at"]), str(said["version"]), str(said["schema"]), files)
        names = [one.name for one in files]
        if len(set(names)) != len(names) or not all(_NAME.fullmatch(name) for name in names):
            raise foreign
    except (ValueError, LookupError, TypeError) as error:
        raise foreign from error
    return manifest


def _copy(content: IO[bytes], path: Path) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
