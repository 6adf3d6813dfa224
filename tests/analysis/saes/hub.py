"""A Hugging Face hub on this machine: what the client asks of one in order to download a folder.

Served are, as the hub's own interface has them, a revision's commit, the tree of a commit, and each
file with its ETag, size and commit. Unknown repositories and revisions are answered by the hub's
error codes.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

REPOSITORY = "org/some.repo"
COMMITS = {"main": "a" * 40, "v1.0": "b" * 40}
"""The revisions of the one repository; each commit is a folder of that name under the root."""


class Hub(ThreadingHTTPServer):
    """Serves `root/<revision>/` as the revisions of REPOSITORY, and records the requests."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folders = {commit: root / revision for revision, commit in COMMITS.items()}
        self.listed: list[str] = []
        """Paths that a tree lists in addition to the real files, for a hostile server."""
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self) -> list[str]:
        """The files that were fetched, as paths in the repository."""
        gets = [
            entry for entry in self.requests if entry.startswith("GET") and "/resolve/" in entry
        ]
        return sorted(entry.split("/resolve/")[1].split("/", 1)[1] for entry in gets)


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, *args: object) -> None:
        """Nothing on the error stream."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        api, file = f"/api/models/{REPOSITORY}/", f"/{REPOSITORY}/resolve/"
        if path.startswith(api):
            kind, _, rest = path.removeprefix(api).partition("/")
            self.describe(kind, rest.split("/")[0])
        elif path.startswith(file):
            revision, _, name = path.removeprefix(file).partition("/")
            self.give(revision, name)
        else:
            self.refuse("RepoNotFound")

    def commit(self, revision: str) -> str | None:
        found = COMMITS.get(revision, revision)
        return found if found in self.server.folders else None

    def describe(self, kind: str, revision: str) -> None:
        commit = self.commit(revision)
        if commit is None:
            return self.refuse("RevisionNotFound")
        folder = self.server.folders[commit]
        files = {
            str(path.relative_to(folder)): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        files |= dict.fromkeys(self.server.listed, 1)
        if kind == "tree":
            tree = [
                {"type": "file", "path": name, "size": size, "oid": "0" * 40}
                for name, size in files.items()
            ]
            return self.send(json.dumps(tree).encode())
        siblings = [{"rfilename": name} for name in files]
        info = {"id": REPOSITORY, "sha": commit, "siblings": siblings, "private": False}
        return self.send(json.dumps(info | {"tags": [], "downloads": 0}).encode())

    def give(self, revision: str, name: str) -> None:
        commit = self.commit(revision)
        if commit is None:
            return self.refuse("RevisionNotFound")
        path = self.server.folders[commit] / name
        if name in self.server.listed:
            return self.send(b"x", commit)
        return (
            self.send(path.read_bytes(), commit) if path.is_file() else self.refuse("EntryNotFound")
        )

    def send(self, content: bytes, commit: str | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content)))
        if commit is not None:
            self.send_header("X-Repo-Commit", commit)
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def refuse(self, code: str) -> None:
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A running hub over the revisions under `root`."""
    with Hub(root) as hub:
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
