"""Downloads, from a server in this process that stalls, breaks off, lies and sends the wrong thing."""

import hashlib
import io
import shutil
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ssd.datasets import download, fetch
from ssd.datasets.fetch import SOURCES, Archive, Source
from ssd.errors import DataError

FILES = {
    "VOCdevkit/VOC2007/JPEGImages/000001.jpg": bytes(range(256)) * 700,
    "VOCdevkit/VOC2007/ImageSets/Main/trainval.txt": b"000001\n",
}


def tar_of(files: dict[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """Return an uncompressed tar of files and of members without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return stream.getvalue()


def zip_of(files: dict[str, bytes], link: str | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


class Server:
    """Serves files over HTTP; `misbehave` lists what the next requests for an archive meet instead of service."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.misbehave: list[str] = []
        self.ranges: list[str | None] = []
        self.resumes = True
        server, outer = None, self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # so that closing waits for all answers
        self.server, self.released = server, threading.Event()
        self.address = f"http://127.0.0.1:{server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Serve, or do what comes next in `misbehave`."""
        name = request.path.lstrip("/")
        content = self.files.get(name)
        if content is None:
            request.send_error(404)
            return
        how = "" if name == "SHA256SUMS" else self.misbehave.pop(0) if self.misbehave else ""
        wanted = request.headers.get("Range")
        if name != "SHA256SUMS":
            self.ranges.append(wanted)
        if how.isdigit():
            request.send_error(int(how))
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.resumes else 0
        if start >= len(content):
            request.send_error(416)
            return
        body = content[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        length = {"promise more": len(body) + 1000, "promise less": len(body) // 2}.get(how, len(body))
        if how != "no length":
            request.send_header("Content-Length", str(length))
        request.end_headers()
        if how in ("break off", "stall"):
            body = body[: max(1, len(body) // 3)]
        if how == "say nothing":
            body = b""
        if how == "garble":
            body = bytes(len(body))
        request.wfile.write(body)
        request.wfile.flush()
        if how in ("stall", "say nothing"):
            self.released.wait(20)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    monkeypatch.setattr(fetch, "PAUSE", 0.001)
    serving = Server()
    thread = threading.Thread(target=serving.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield serving
    serving.released.set()
    serving.server.shutdown()
    serving.server.server_close()
    thread.join()


@pytest.fixture
def publish(server, monkeypatch) -> Callable[..., None]:
    """Return a function that makes archives the content of "voc2007", as its publisher's and on the server."""

    def make(*contents: bytes, inside: str = "VOCdevkit/VOC2007", ending: str = "tar") -> None:
        names = [f"part{number}.{ending}" for number in range(len(contents))]
        server.files = dict(zip(names, contents, strict=True))
        archives = tuple(
            Archive(f"{server.address}/{name}", hashlib.md5(content).hexdigest())
            for name, content in server.files.items()
        )
        monkeypatch.setitem(SOURCES, "voc2007", Source("VOCdevkit/VOC2007", inside, archives))

    return make


def contents(root: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if not name.endswith(fetch.STAMP)}


def get(root: Path, mirror: str | Path | None = None) -> Path:
    return download("voc2007", root, mirror, progress=False)


def refusal(root: Path, mirror: str | Path | None = None) -> str:
    with pytest.raises(DataError) as refused:
        get(root, mirror)
    assert not (root / "VOCdevkit").exists(), "what is not complete must not be there"
    return str(refused.value)


def test_sources_are_the_publishers_files():
    assert [a.name for a in SOURCES["voc2007"].archives] == ["VOCtrainval_06-Nov-2007.tar", "VOCtest_06-Nov-2007.tar"]
    assert [a.name for a in SOURCES["voc2012"].archives] == ["VOCtrainval_11-May-2012.tar"]
    assert {a.name for a in SOURCES["coco2017"].archives} == {
        "annotations_trainval2017.zip",
        "train2017.zip",
        "val2017.zip",
    }
    assert all(len(bytes.fromhex(a.md5)) == 16 for source in SOURCES.values() for a in source.archives)


def test_archives_are_joined_in_one_folder_and_nothing_else_is_left(publish, tmp_path):
    more = {"VOCdevkit/VOC2007/ImageSets/Main/test.txt": b"000002\n"}
    publish(tar_of(FILES), tar_of(more))
    assert get(tmp_path) == tmp_path / "VOCdevkit" / "VOC2007"
    assert contents(tmp_path) == FILES | more
    assert sorted(path.name for path in tmp_path.iterdir()) == ["VOCdevkit"]


def test_zip_without_an_outer_folder(publish, tmp_path):
    publish(zip_of({"annotations/a.json": b"{}"}), zip_of({"val/1.jpg": b"x"}), inside="", ending="zip")
    assert contents(get(tmp_path)) == {"annotations/a.json": b"{}", "val/1.jpg": b"x"}


def test_second_call_leaves_everything_as_it_is(publish, server, tmp_path):
    publish(tar_of(FILES))
    get(tmp_path)
    asked = len(server.ranges)
    assert get(tmp_path) == tmp_path / "VOCdevkit" / "VOC2007"
    assert len(server.ranges) == asked
    assert contents(tmp_path) == FILES


def test_folder_of_another_origin_is_not_touched(publish, tmp_path):
    publish(tar_of(FILES))
    own = tmp_path / "VOCdevkit" / "VOC2007" / "own.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(DataError, match="exists already, and not from a download"):
        get(tmp_path)
    assert contents(tmp_path) == {"VOCdevkit/VOC2007/own.txt": b"mine"}


@pytest.mark.parametrize("how", ["break off", "stall", "say nothing", "promise more", "503"])
def test_broken_connection_is_taken_up_where_it_broke(publish, server, tmp_path, how):
    publish(tar_of(FILES))
    server.misbehave = [how]
    get(tmp_path)
    assert contents(tmp_path) == FILES
    assert len(server.ranges) == 2
    if how in ("break off", "stall", "promise more"):
        assert server.ranges[1].startswith("bytes=")
        assert server.ranges[1] != "bytes=0-"


def test_many_breaks_are_survived_as_long_as_each_brings_something(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.misbehave = ["break off"] * 12
    get(tmp_path)
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("how", ["promise less", "garble", "no length"])
def test_what_looks_whole_and_is_not_is_fetched_once_more(publish, server, tmp_path, how):
    publish(tar_of(FILES))
    server.misbehave = [how]
    get(tmp_path)
    assert contents(tmp_path) == FILES
    assert len(server.ranges) == (1 if how == "no length" else 2)


def test_server_that_cannot_resume_starts_again(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.misbehave, server.resumes = ["break off"], False
    get(tmp_path)
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("how", ["say nothing", "503"])
def test_server_that_never_sends_is_given_up(publish, server, tmp_path, how):
    publish(tar_of(FILES))
    server.misbehave = [how] * 50
    error = refusal(tmp_path)
    assert f"{server.address}/part0.tar" in error
    assert f"{fetch.ATTEMPTS} times in a row" in error
    assert len(server.ranges) == fetch.ATTEMPTS


def test_next_call_goes_on_in_the_middle_of_the_file(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.misbehave = ["break off", *["503"] * fetch.ATTEMPTS]
    error = refusal(tmp_path)
    left = (tmp_path / ".download" / "part0.tar.part").stat().st_size
    assert f"{left} bytes so far" in error
    assert left > 0
    server.ranges.clear()
    get(tmp_path)
    assert server.ranges == [f"bytes={left}-"]
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("length", [1000, 10_000_000])
def test_part_of_another_file_is_found_out_and_thrown_away(publish, server, tmp_path, length):
    publish(tar_of(FILES))
    (tmp_path / ".download").mkdir()
    (tmp_path / ".download" / "part0.tar.part").write_bytes(b"?" * length)
    get(tmp_path)
    assert contents(tmp_path) == FILES


def test_wrong_content_is_refused_and_not_kept(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.files["part0.tar"] = tar_of({"VOCdevkit/VOC2007/evil.txt": b"!"})
    error = refusal(tmp_path)
    assert "md5 differs" in error
    assert SOURCES["voc2007"].archives[0].md5 in error
    assert contents(tmp_path) == {}


def test_missing_archive_is_said_at_once(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.files.clear()
    assert "404" in refusal(tmp_path)


def test_no_server_is_said(publish, server, tmp_path):
    publish(tar_of(FILES))
    server.server.shutdown()
    server.server.server_close()
    assert "cannot be downloaded" in refusal(tmp_path)
    assert "cannot be reached" in refusal(tmp_path, server.address)
    assert "cannot be reached" in refusal(tmp_path, "http://no such host")


# --------------------------------------------------------------------------------------------------------- mirrors


@pytest.fixture
def mirror(publish, tmp_path) -> Path:
    """Return a folder that holds the archive."""
    publish(tar_of(FILES))
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "part0.tar").write_bytes(tar_of(FILES))
    return folder


def test_mirror_folder_is_verified_and_left_as_it_is(mirror, tmp_path):
    get(tmp_path / "data", mirror)
    assert contents(tmp_path / "data") == FILES
    assert [path.name for path in mirror.iterdir()] == ["part0.tar"]
    (mirror / "part0.tar").write_bytes(tar_of(FILES)[:-1])
    assert "md5 differs" in refusal(tmp_path / "other", mirror)


def test_mirror_with_a_list_is_verified_by_that(mirror, tmp_path):
    other = tar_of({"VOCdevkit/VOC2007/small.txt": b"reduced"})
    (mirror / "part0.tar").write_bytes(other)
    (mirror / "SHA256SUMS").write_text(f"\n{hashlib.sha256(other).hexdigest()}  part0.tar\n{'0' * 64} *other.tar\n")
    get(tmp_path / "data", mirror)
    assert contents(tmp_path / "data") == {"VOCdevkit/VOC2007/small.txt": b"reduced"}
    (mirror / "part0.tar").write_bytes(tar_of(FILES))  # the publisher's, but not the list's
    assert "sha256 differs" in refusal(tmp_path / "other", mirror)


def test_mirror_at_an_address(mirror, server, tmp_path):
    other = tar_of({"VOCdevkit/VOC2007/small.txt": b"reduced"})
    server.files = {"part0.tar": other, "SHA256SUMS": f"{hashlib.sha256(other).hexdigest()} *part0.tar\n".encode()}
    get(tmp_path / "data", server.address + "/")
    assert contents(tmp_path / "data") == {"VOCdevkit/VOC2007/small.txt": b"reduced"}
    server.files = {"part0.tar": tar_of(FILES)}  # without a list, the publisher's MD5 counts
    get(tmp_path / "other", server.address)
    assert contents(tmp_path / "other") == FILES


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ("nonsense\n", "line 1"),
        (f"{'0' * 64}  other.tar\n", "not in the mirror's list"),
        (f"{'0' * 64}  part0.tar\n", "sha256 differs"),
    ],
)
def test_list_that_does_not_fit(mirror, tmp_path, sums, said):
    (mirror / "SHA256SUMS").write_text(sums)
    assert said in refusal(tmp_path / "data", mirror)


def test_mirror_that_is_no_folder_or_lacks_the_archive(mirror, tmp_path):
    (mirror / "part0.tar").unlink()
    assert "missing on the mirror" in refusal(tmp_path / "data", mirror)
    assert "no such folder" in refusal(tmp_path / "data", mirror / "nowhere")


# -------------------------------------------------------------------------------------------------------- unpacking


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (member("../outside.txt"), "would leave"),
        (member("VOCdevkit/../../outside.txt"), "would leave"),
        (member("/tmp/outside.txt"), "would leave"),
        (member("C:/outside.txt"), "would leave"),
        (member("a\\..\\..\\outside.txt"), "would leave"),
        (member("VOCdevkit/link", tarfile.SYMTYPE, "/etc"), "a link or a device"),
        (member("VOCdevkit/link", tarfile.LNKTYPE, "VOCdevkit/VOC2007"), "a link or a device"),
        (member("VOCdevkit/pipe", tarfile.FIFOTYPE), "a link or a device"),
        (member("VOCdevkit/disk", tarfile.BLKTYPE), "a link or a device"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_tar_whose_members_leave_the_folder_or_are_links(publish, tmp_path, bad, said):
    publish(tar_of(FILES, bad))
    error = refusal(tmp_path / "data")
    assert said in error
    assert repr(bad.name) in error
    assert not (tmp_path / "outside.txt").exists()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"part0.tar"}


@pytest.mark.parametrize(
    "content",
    [
        zip_of({"../outside.txt": b"!"}),
        zip_of({"/outside.txt": b"!"}),
        zip_of({"a.txt": b"a"}, link="link"),
    ],
    ids=["up", "root", "link"],
)
def test_zip_whose_members_leave_the_folder_or_are_links(publish, tmp_path, content):
    publish(content, inside="", ending="zip")
    assert "member" in refusal(tmp_path / "data")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"part0.zip"}


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"no archive", "tar"),
        (bytes(20), "tar"),
        (tar_of(FILES)[:5000], "tar"),
        (b"no", "zip"),
        (zip_of(FILES)[:500], "zip"),
    ],
)
def test_archive_that_is_none(publish, tmp_path, content, ending):
    publish(content, ending=ending)
    error = refusal(tmp_path)
    assert "part0" in error


def test_archive_of_something_else_is_refused(publish, tmp_path):
    publish(tar_of({"VOCdevkit/VOC2012/a.txt": b"a"}))
    assert "VOCdevkit/VOC2007" in refusal(tmp_path)


def test_full_disk_is_said_and_the_download_kept(publish, tmp_path, monkeypatch):
    publish(tar_of(FILES))

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        assert "the disk is full" in refusal(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["part0.tar"]
    get(tmp_path)
    assert contents(tmp_path) == FILES


def test_unknown_dataset(tmp_path):
    with pytest.raises(DataError, match=r"dataset.*'voc1999'.*voc2007, voc2012, coco2017"):
        download("voc1999", tmp_path)


def test_command_downloads_and_says_where(publish, mirror, tmp_path, run):
    status, out, _ = run("data", "voc2007", "--root", tmp_path / "data", "--mirror", mirror)
    assert status == 0
    assert "voc2007 is in" in out
    status, _, error = run("data", "voc2007", "--root", tmp_path / "other", "--mirror", tmp_path / "nowhere")
    assert status == 2
    assert error.startswith("ssd: ")
