"""Downloads: VOC2007, VOC2012 and COCO 2017, resumed where they broke off, verified, and unpacked without trust."""

import errno
import hashlib
import json
import shutil
import stat
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from torchvision.datasets.voc import DATASET_YEAR_DICT
from tqdm import tqdm

from ..errors import DataError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

ATTEMPTS = 5
"""How often in a row a connection may break without having brought a single byte."""

PAUSE = 2.0
"""Seconds before the second attempt; twice as many before each further one."""

CHUNK = 1 << 20

STAMP = "SOURCE.json"
"""In a folder that is complete: which archives it came from, and their digests."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: where its publisher offers it.
        md5: of the whole file, as published.

    """

    url: str
    md5: str

    @property
    def name(self) -> str:
        """The file's name, there and on a mirror."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Source:
    """A dataset to download.

    Attributes:
        folder: what the root holds in the end.
        inside: the folder that every archive's files are in; empty where they are in none.
        archives: all of them.

    """

    folder: str
    inside: str
    archives: tuple[Archive, ...]


def _voc(*keys: str) -> tuple[Archive, ...]:
    """Return VOC's archives as torchvision knows them."""
    return tuple(Archive(DATASET_YEAR_DICT[key]["url"], DATASET_YEAR_DICT[key]["md5"]) for key in keys)


SOURCES = {
    "voc2007": Source("VOCdevkit/VOC2007", "VOCdevkit/VOC2007", _voc("2007", "2007-test")),
    "voc2012": Source("VOCdevkit/VOC2012", "VOCdevkit/VOC2012", _voc("2012")),
    "coco2017": Source(
        "coco2017",
        "",
        (
            Archive(
                "http://images.cocodataset.org/annotations/annotations_trainval2017.zip",
                "f4bbac642086de4f52a3fdda2de5fa2c",
            ),
            Archive("http://images.cocodataset.org/zips/val2017.zip", "442b8da7639aecaf257c1dceb8ba8c80"),
            Archive("http://images.cocodataset.org/zips/train2017.zip", "cced6f7f71b7629ddf16f17bbcfab6b2"),
        ),
    ),
}
"""What can be downloaded."""


def download(name: str, root: str | Path, mirror: str | Path | None = None, progress: bool = True) -> Path:
    """Download a dataset, verify it and unpack it; the folder appears only once it is complete.

    What was downloaded stays in `root`/.download until all is unpacked, so that a second call goes on where the first
    broke off, in the middle of a file too. A folder that an earlier call completed is left as it is.

    Args:
        name: one of `SOURCES`.
        root: the folder that receives VOCdevkit/VOC2007, VOCdevkit/VOC2012 or coco2017.
        mirror: a folder, or the address of one, that holds the archives under their own names. If it also holds a list
            SHA256SUMS, as sha256sum writes it, they are verified by that, otherwise by their publishers' MD5.
        progress: show progress bars.

    Returns:
        The dataset's folder.

    Raises:
        DataError: there is no such dataset; a server cannot be reached, breaks off again and again or sends something
            else; an archive is not what it should be or holds what leaves its folder; the disk is full.

    """
    if name not in SOURCES:
        raise DataError("cannot be downloaded", field="dataset", value=name, expected="one of " + ", ".join(SOURCES))
    source, root = SOURCES[name], Path(root)
    target = root / source.folder
    if (target / STAMP).is_file():
        return target
    if target.exists():
        message = "exists already, and not from a download"
        raise DataError(message, file=target, expected="no such folder: use it as it is, or name another root")
    with _refusals_named(root):
        store = root / ".download"
        root.mkdir(parents=True, exist_ok=True)
        sums = _read_sums(mirror)
        files, digests = [], {}
        for archive in source.archives:
            file, digests[archive.name] = _fetch(archive, store, mirror, sums, progress)
            files.append(file)
        with TemporaryDirectory(prefix=f".{name}-", dir=root) as scratch:
            content = Path(scratch) / "content"
            for file in files:
                _unpack(file, content, progress)
            unpacked = content / source.inside
            if not unpacked.is_dir():
                raise DataError("is not in the archives", file=files[0], field="folder", value=source.inside)
            (unpacked / STAMP).write_text(json.dumps({"archives": digests}, indent=1) + "\n", encoding="utf-8")
            target.parent.mkdir(parents=True, exist_ok=True)
            unpacked.rename(target)
        for archive in source.archives:
            (store / archive.name).unlink(missing_ok=True)
        if store.is_dir() and not any(store.iterdir()):  # another dataset's may be there
            store.rmdir()
    return target


@contextmanager
def _refusals_named(root: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error that says where."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        message = "the disk is full" if full else f"cannot be written ({error.strerror or error})"
        where = error.filename or root
        raise DataError(message, file=where, expected="room for the archives and what is in them") from None


def _read_sums(mirror: str | Path | None) -> dict[str, str] | None:
    """Return a mirror's SHA-256 digests by file name; None if it has no list of them."""
    if mirror is None:
        return None
    if _is_address(mirror):
        where = f"{str(mirror).rstrip('/')}/SHA256SUMS"
        try:
            with urlopen(where, timeout=TIMEOUT) as response:
                text = response.read(CHUNK).decode("utf-8", "replace")
        except HTTPError as error:
            error.close()
            if error.code in (403, 404, 410):
                return None
            raise DataError(f"cannot be read ({error.code} {error.reason})", file=where) from None
        except (OSError, HTTPException, ValueError) as error:
            raise DataError(f"cannot be reached ({_reason(error)})", file=where, expected="a mirror") from None
    else:
        where = Path(mirror) / "SHA256SUMS"
        if not Path(mirror).is_dir():
            raise DataError("no such folder", file=mirror, expected="a mirror: a folder or an http address")
        if not where.is_file():
            return None
        text = where.read_text(encoding="utf-8", errors="replace")
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        digest, _, name = line.strip().partition(" ")
        if not line.strip():
            continue
        if len(digest) != 64 or not name.strip():
            message, field = "is not a line of sha256sum", f"line {number}"
            raise DataError(message, file=where, field=field, value=line[:80], expected="digest  name")
        sums[name.strip().removeprefix("*")] = digest.lower()
    return sums


def _is_address(mirror: str | Path) -> bool:
    return str(mirror).startswith(("http://", "https://"))


def _fetch(
    archive: Archive, store: Path, mirror: str | Path | None, sums: dict[str, str] | None, progress: bool
) -> tuple[Path, str]:
    """Have an archive on this disk, whole; return its path and its digest."""
    if sums is None:
        kind, wanted = "md5", archive.md5
    elif archive.name in sums:
        kind, wanted = "sha256", sums[archive.name]
    else:
        raise DataError("is not in the mirror's list", file=f"{mirror}/SHA256SUMS", value=archive.name)
    if mirror is not None and not _is_address(mirror):
        file = Path(mirror) / archive.name
        if not file.is_file():
            raise DataError("is missing on the mirror", file=file, expected="the archive under its own name")
        found = _digest(file, kind, progress)
        if found != wanted:
            raise DataError(f"is damaged: its {kind} differs", file=file, value=found, expected=wanted)
        return file, f"{kind}:{wanted}"
    store.mkdir(exist_ok=True)
    url = archive.url if mirror is None else f"{str(mirror).rstrip('/')}/{quote(archive.name)}"
    whole, part = store / archive.name, store / f"{archive.name}.part"
    for _ in range(2):
        if not whole.is_file():
            _transfer(url, part, progress)
            part.rename(whole)
        found = _digest(whole, kind, progress)
        if found == wanted:
            return whole, f"{kind}:{wanted}"
        # What an earlier call left may be of another file, or spoilt: once more, from the start.
        whole.unlink()
    raise DataError(f"what was sent is damaged: its {kind} differs", file=url, value=found, expected=wanted)


def _digest(file: Path, kind: str, progress: bool) -> str:
    """Return the digest of a file."""
    digest = hashlib.new(kind)
    bar = _bytes_bar(file.stat().st_size, f"verifying {file.name}", progress)
    with file.open("rb") as stream, bar:
        while block := stream.read(CHUNK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def _bytes_bar(total: int | None, what: str, progress: bool, initial: int = 0) -> tqdm:
    how = {"unit": "B", "unit_scale": True, "unit_divisor": 1024, "disable": not progress, "leave": False}
    return tqdm(total=total, initial=initial, desc=what, **how)


def _transfer(url: str, part: Path, progress: bool) -> None:
    """Download a file; a connection that breaks is taken up again where it broke, as long as each brings something."""
    empty_handed = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _transfer_once(url, part, progress):
                return
            reason = "the connection broke off"
        except HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in (408, 429):
                raise DataError(f"cannot be downloaded ({error.code} {error.reason})", file=url) from None
            reason = f"{error.code} {error.reason}"
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = _reason(error)
        except ValueError as error:
            raise DataError(f"is no address ({error})", file=url, expected="http://...") from None
        empty_handed = 0 if part.exists() and part.stat().st_size > before else empty_handed + 1
        if empty_handed == ATTEMPTS:
            got = part.stat().st_size if part.exists() else 0
            raise DataError(
                f"cannot be downloaded ({reason}, {ATTEMPTS} times in a row)",
                file=url,
                value=f"{got} bytes so far",
                expected="a server that answers; another call goes on from there",
            )
        if empty_handed:
            time.sleep(PAUSE * 2 ** (empty_handed - 1))


def _reason(error: BaseException) -> str:
    """Say why a connection failed, in few words."""
    reason = getattr(error, "reason", error)
    return str(reason) or type(reason).__name__


def _transfer_once(url: str, part: Path, progress: bool) -> bool:
    """Add to a file what one connection brings; return whether the file is whole as far as the server says."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        # Nothing is there beyond what is here: whole, unless another file lies here; its digest will tell.
        return True
    with response:
        length = response.headers.get("Content-Length")
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server sends the whole file, or another part than was asked for
            if response.status == 206:
                part.unlink(missing_ok=True)
                return False
        total = have + int(length) if length is not None and length.isdigit() else None
        bar = _bytes_bar(total, part.name.removesuffix(".part"), progress, initial=have)
        with part.open("ab" if have else "wb") as stream, bar:
            while block := response.read1(CHUNK):
                stream.write(block)
                have += len(block)
                bar.update(len(block))
    return total is None or have >= total


def _unpack(file: Path, folder: Path, progress: bool) -> None:
    """Unpack an archive of plain files and folders, all of which stay in the folder.

    Raises:
        DataError: the archive is broken, or a member is a link, a device, or named so that it leaves the folder.

    """
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                members = []
                for info in archive.infolist():
                    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was made without Unix
                    _check_member(file, info.orig_filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
                    members.append((info.filename, info.is_dir(), partial(archive.open, info)))
                _write_members(file, folder, members, progress)
        else:
            with tarfile.open(file) as archive:
                members = []
                for member in archive.getmembers():
                    _check_member(file, member.name, member.isreg() or member.isdir())
                    members.append((member.name, member.isdir(), partial(archive.extractfile, member)))
                _write_members(file, folder, members, progress)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be unpacked ({error})", file=file, expected="a complete archive") from None


def _check_member(file: Path, name: str, plain: bool) -> None:
    """Refuse a member of an archive that is no plain file or folder, or would be written elsewhere."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name.split("/")[0]
    if outside:
        raise DataError("would leave the folder", file=file, field="member", value=name, expected="a path inside")
    if not plain:
        raise DataError("is a link or a device", file=file, field="member", value=name, expected="a file or a folder")


def _write_members(
    file: Path, folder: Path, members: list[tuple[str, bool, Callable[[], IO[bytes]]]], progress: bool
) -> None:
    """Write the members of an archive: each one's name, whether it is a folder, and how to read it."""
    bar = tqdm(members, desc=f"unpacking {file.name}", unit=" files", disable=not progress, leave=False)
    for name, is_folder, open_member in bar:
        target = folder / name
        if is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as content, target.open("wb") as stream:
            shutil.copyfileobj(content, stream, CHUNK)
