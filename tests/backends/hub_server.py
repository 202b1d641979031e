"""A small stand-in for the Hugging Face hub: one model, its files with the digests that the hub tells of them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "d" * 40
LARGE = ".safetensors"


def git_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """What the hub has, and what it was asked for. `lies` gives other bytes than it tells of."""

    def __init__(self, model: str, files: Mapping[str, bytes]) -> None:
        self.model, self.files = model, dict(files)
        self.lies: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.status = 200

    def information(self) -> dict[str, object]:
        siblings = []
        for name, data in self.files.items():
            told: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git_name(data)}
            if name.endswith(LARGE):
                sha = hashlib.sha256(data).hexdigest()
                told["lfs"] = {"sha256": sha, "size": len(data), "pointerSize": 130}
            siblings.append(told)
        return {"id": self.model, "modelId": self.model, "sha": COMMIT, "siblings": siblings, "tags": [],
                "private": False, "downloads": 0, "likes": 0}  # fmt: skip

    def etag(self, name: str) -> str:
        data = self.files[name]
        return hashlib.sha256(data).hexdigest() if name.endswith(LARGE) else git_name(data)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if self.status != 200:
            return self.status, {}, b""
        if path in (f"/api/models/{self.model}/revision/{revision}" for revision in (COMMIT, "main")):
            return 200, {}, json.dumps(self.information()).encode()
        name = re.sub(rf"^/{self.model}/resolve/({COMMIT}|main)/", "", path)
        if name not in self.files:
            return 404, {}, b""
        data = self.lies.get(name, self.files[name])
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{self.etag(name)}"'}
        if name.endswith(LARGE):
            headers |= {"X-Linked-Etag": f'"{self.etag(name)}"', "X-Linked-Size": str(len(data))}
        return 200, headers, data


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """The address of a server of this hub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            hub.tokens.add(self.headers.get("Authorization", ""))
            status, headers, data = hub.answer(path)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
