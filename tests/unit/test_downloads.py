"""Downloads from a server here: resumed, checked, placed by hand, and what is said without a network."""

import hashlib
import http.server
import logging
import lzma
import threading
from pathlib import Path

import pytest

from mftl import downloads
from mftl.catalogue import DATASETS, FILES, MODELS, SOURCES, File
from mftl.downloads import fetch
from mftl.inputs import InputError

CONTENT = bytes(range(256)) * 12000  # 3 MB, three blocks
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; ``settings`` say how badly."""

    def do_GET(self):
        settings = self.server.settings
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if settings["ranges"] else 0
        self.server.starts.append(start)
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path.startswith("/empty-"):
            self.send_response(int(self.path.removeprefix("/empty-")))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = len(CONTENT)
        if settings["breaks"]:  # hang up early
            end = min(end, start + settings["breaks"].pop(0))
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.settings = {"ranges": True, "breaks": []}
        server.starts = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()


def table(server, checksum=None, path="/data.bin"):
    return {"data": File("set/data.bin", server.url + path, "mace-off23", checksum, len(CONTENT))}


def test_a_file_is_fetched_with_its_licence_first(server, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    announce = downloads._announce
    monkeypatch.setattr(downloads, "_announce", lambda *a: server.starts.append("announced") or announce(*a))
    about = fetch("data", tmp_path, files=table(server, MD5))
    assert (tmp_path / "set/data.bin").read_bytes() == CONTENT
    assert about["checksum"] == MD5 and about["bytes"] == len(CONTENT)
    assert "ACADEMIC, NON-COMMERCIAL" in about["licence"] and "jacs" in about["citation"]
    assert server.starts == ["announced", 0]
    for said in (server.url, "3.1 MB", "ACADEMIC, NON-COMMERCIAL", "jacs", str(tmp_path / "set/data.bin")):
        assert said in caplog.text
    # nothing is asked for twice, and what is there is not announced again
    caplog.clear()
    fetch("data", tmp_path, files=table(server, MD5))
    assert server.starts == ["announced", 0] and "Licence" not in caplog.text
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["data.bin"]


def test_a_broken_connection_is_resumed(server, tmp_path):
    server.settings["breaks"] = [1_500_000, 400_000]
    fetch("data", tmp_path, files=table(server, SHA256))
    assert server.starts == [0, 1_500_000, 1_900_000]
    assert (tmp_path / "set/data.bin").read_bytes() == CONTENT


def test_a_killed_download_goes_on_where_it_was(server, tmp_path):
    part = tmp_path / "set/data.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1_000_000])
    fetch("data", tmp_path, files=table(server, SHA256))
    assert server.starts == [1_000_000]
    assert (tmp_path / "set/data.bin").read_bytes() == CONTENT and not part.exists()


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_is_all_of_it_or_more(server, tmp_path, length):
    part = tmp_path / "set/data.bin.part"
    part.parent.mkdir()
    part.write_bytes((CONTENT + b"12345")[:length])
    fetch("data", tmp_path, files=table(server, SHA256))
    assert (tmp_path / "set/data.bin").read_bytes() == CONTENT


def test_a_server_that_cannot_resume_sends_all_of_it_again(server, tmp_path):
    server.settings.update(ranges=False, breaks=[1_500_000])
    fetch("data", tmp_path, files=table(server, SHA256))
    assert (tmp_path / "set/data.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(server, tmp_path):
    with pytest.raises(InputError, match=r"does not match the known hash.*nothing was kept") as caught:
        fetch("data", tmp_path, files=table(server, "md5:" + 32 * "0"))
    assert server.url in str(caught.value)
    assert list((tmp_path / "set").iterdir()) == []


def test_without_a_published_checksum_the_first_one_is_recorded(server, tmp_path):
    about = fetch("data", tmp_path, files=table(server))
    assert about["checksum"] == SHA256
    recorded = tmp_path / "set/data.bin.sha256"
    assert recorded.read_text() == f"{SHA256[7:]}  data.bin\n"
    # the file changed behind its URL, or here
    (tmp_path / "set/data.bin").write_bytes(b"another")
    with pytest.raises(InputError, match="damaged, or the file behind"):
        fetch("data", tmp_path, files=table(server))
    assert (tmp_path / "set/data.bin").read_bytes() == b"another"  # not ours to remove
    # downloaded anew it is compared with what was recorded
    (tmp_path / "set/data.bin").unlink()
    recorded.write_text(f"{64 * '0'}  data.bin\n")
    with pytest.raises(InputError, match="does not match the known hash"):
        fetch("data", tmp_path, files=table(server))
    # and the user may pin it
    assert fetch("data", tmp_path, SHA256, files=table(server))["checksum"] == SHA256


def test_offline_it_says_what_to_place_where(server, tmp_path):
    files = table(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match=r"cannot be fetched.*refused") as caught:
        fetch("data", tmp_path, files=files)
    assert f"{server.url}/data.bin" in str(caught.value)
    assert f"place it as\n  {tmp_path}/set/data.bin\n" in str(caught.value)
    # and what is placed there is used
    (tmp_path / "set").mkdir(exist_ok=True)
    (tmp_path / "set/data.bin").write_bytes(CONTENT)
    assert fetch("data", tmp_path, files=files)["checksum"] == SHA256


def test_a_text_file_may_be_placed_compressed(server, tmp_path):
    """The checksum is that of what is in it."""
    files = {"data": File("set/data.json", server.url + "/missing", "mlearn", MD5, len(CONTENT))}
    (tmp_path / "set").mkdir()
    (tmp_path / "set/data.json.xz").write_bytes(lzma.compress(CONTENT))
    about = fetch("data", tmp_path, files=files)
    assert about["checksum"] == MD5 and about["path"] == str(tmp_path / "set/data.json.xz")
    (tmp_path / "set/data.json").write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"data\.json has the checksum"):
        fetch("data", tmp_path, files=files)


def test_a_file_that_is_gone(server, tmp_path):
    with pytest.raises(InputError, match="cannot be fetched: HTTP Error 404"):
        fetch("data", tmp_path, files=table(server, path="/missing"))
    assert server.starts == [0]  # trying again would not help


@pytest.mark.parametrize("path", ["/empty-202", "/empty-200"])
def test_an_answer_without_a_file_is_no_download(server, tmp_path, path):
    """Without a checksum nothing else would tell, and the empty file's sum would be recorded."""
    with pytest.raises(InputError, match=rf"cannot be fetched: HTTP Error {path[-3:]}: \w+, and no file") as caught:
        fetch("data", tmp_path, files=table(server, path=path))
    assert f"place it as\n  {tmp_path}/set/data.bin\n" in str(caught.value)
    assert server.starts == [0] and list((tmp_path / "set").iterdir()) == []


def test_arrays_may_lie_in_the_archive_that_holds_them(server, tmp_path):
    """It has a checksum of its own; the file itself goes before it."""
    files = {"data": File("set/data.npz", server.url + "/missing", "rmd17", MD5, archive=SHA256)}
    (tmp_path / "set").mkdir()
    archive = tmp_path / "set/set.tar.bz2"
    archive.write_bytes(CONTENT)
    about = fetch("data", tmp_path, files=files)
    assert about["checksum"] == SHA256 and about["path"] == str(archive)
    archive.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"set\.tar\.bz2 has the checksum"):
        fetch("data", tmp_path, files=files)
    (tmp_path / "set/data.npz").write_bytes(CONTENT)
    assert fetch("data", tmp_path, files=files)["checksum"] == MD5


def test_a_full_disk_is_not_the_networks_fault(server, tmp_path, monkeypatch):
    def full(self, mode):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        fetch("data", tmp_path, files=table(server))


def test_the_table_is_consistent():
    assert len({file.path for file in FILES.values()}) == len(FILES)
    for name, file in FILES.items():
        assert file.source in SOURCES and file.url.startswith("http"), name
        digits = {"md5": 32, "sha256": 64}
        algorithm, _, digest = (file.checksum or f"md5:{32 * '0'}").partition(":")
        assert len(digest) == digits[algorithm] and int(digest, 16) >= 0, name
    assert {name for one in DATASETS.values() for name in one.files} | set(MODELS) == set(FILES)
    assert len(DATASETS["qm7x"].files) == 9
    assert all("ACADEMIC" in SOURCES[FILES[name].source].licence for name in MODELS if "off23" in name)
