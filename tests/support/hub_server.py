"""A small hub: speaks the parts of the Hugging Face API that `huggingface_hub` uses, over real HTTP on localhost."""

import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: Larger files are kept by hash (LFS) and served by redirection, as the hub does.
LFS_FROM_BYTES = 1000


@dataclass
class Hub:
    """Repositories (files by name) and what shall go wrong."""

    repos: dict[str, dict[str, bytes]]
    licences: dict[str, str] = field(default_factory=dict)
    #: A repository's name -> the status and X-Error-Code that its files answer with.
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: A file's name -> byte counts after which successive transfers break off; None: by a reset.
    cuts: dict[str, list[int]] = field(default_factory=dict)
    resets: bool = False
    #: A file's name -> other content of the same size, sent in its place.
    swapped: dict[str, bytes] = field(default_factory=dict)
    #: A file's name -> what its large-file entry states, in place of its SHA-256.
    stated: dict[str, str] = field(default_factory=dict)
    ignores_ranges: bool = False
    #: A transfer of this file stops after so many bytes until `go_on` is set.
    stalls: dict[str, int] = field(default_factory=dict)
    go_on: threading.Event = field(default_factory=threading.Event)
    #: Every transfer: file, first byte asked for.
    transfers: list[tuple[str, int]] = field(default_factory=list)
    address: str = ""

    def listing(self, repo: str) -> dict[str, object]:
        siblings = [self._sibling(name, content) for name, content in self.repos[repo].items()]
        card = {"license": self.licences[repo]} if repo in self.licences else {}
        return {"id": repo, "sha": COMMIT, "siblings": siblings, "cardData": card, "tags": []}

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
        if len(content) >= LFS_FROM_BYTES:
            entry["lfs"] = {
                "size": len(content),
                "sha256": self.stated.get(name, hashlib.sha256(content).hexdigest()),
                "pointerSize": 130,
            }
        return entry


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def quiet_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that nobody watches."""
    yield lambda count: None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if path.startswith("api/models/"):
            self._answer_info(path.removeprefix("api/models/"))
        elif path.startswith("cdn/"):
            owner, name, file = path.removeprefix("cdn/").split("/", 2)
            self._send_file(file, self.hub.repos[f"{owner}/{name}"][file])
        elif "/resolve/" in path:
            self._resolve(path)
        else:
            self._refuse(404, "NotFound")

    def _answer_info(self, repo: str) -> None:
        if repo not in self.hub.repos:
            # What the hub answers where it does not know who asks.
            self._refuse(401, "RepoNotFound")
            return
        body = json.dumps(self.hub.listing(repo)).encode()
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _resolve(self, path: str) -> None:
        owner, name, _, revision, file = path.split("/", 4)
        repo = f"{owner}/{name}"
        if repo in self.hub.refusals:
            self._refuse(*self.hub.refusals[repo])
        elif revision != COMMIT or file not in self.hub.repos[repo]:
            self._refuse(404, "EntryNotFound")
        elif len(content := self.hub.repos[repo][file]) >= LFS_FROM_BYTES:
            self._head(302, {"Location": f"{self.hub.address}/cdn/{repo}/{file}", "Content-Length": "0"})
        else:
            self._send_file(file, content)

    def _send_file(self, file: str, content: bytes) -> None:
        content = self.hub.swapped.get(file, content)
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.hub.transfers.append((file, start))
        if asked and not self.hub.ignores_ranges:
            extra = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self._head(206, extra | {"Content-Length": str(len(content) - start)})
        else:
            start = 0
            self._head(200, {"Content-Length": str(len(content)), "ETag": f'"{hashlib.sha256(content).hexdigest()}"'})
        self._write(file, content[start:])

    def _write(self, file: str, content: bytes) -> None:
        if self.hub.cuts.get(file):
            self.wfile.write(content[: self.hub.cuts[file].pop(0)])
            self._break_off()
            return
        stop = self.hub.stalls.pop(file, len(content))
        try:
            self.wfile.write(content[:stop])
            if stop < len(content):
                self.hub.go_on.wait(30)
                self.wfile.write(content[stop:])
        except OSError:
            self.close_connection = True

    def _break_off(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        if self.hub.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _refuse(self, status: int, code: str) -> None:
        self._head(status, {"X-Error-Code": code, "X-Error-Message": "no", "Content-Length": "0"})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
