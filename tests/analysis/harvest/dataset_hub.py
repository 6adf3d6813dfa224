"""A small Hugging Face hub on a loopback port, with one dataset."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def dataset_hub(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the files of the dataset `name`; yields the address."""

    def about(path: str) -> dict[str, Any]:
        size = len(files[path])
        return {"type": "file", "path": path, "size": size, "oid": SHA, "rfilename": path}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith(f"/api/datasets/{name}/tree/"):
                self._send(json.dumps([about(one) for one in files]).encode())
            elif path == f"/api/datasets/{name}" or path.startswith(
                f"/api/datasets/{name}/revision/"
            ):
                siblings = [about(one) for one in files]
                answer = {"id": name, "sha": SHA, "siblings": siblings}
                self._send(json.dumps(answer).encode())
            elif path.startswith(f"/datasets/{name}/resolve/{SHA}/"):
                self._send_file(files[path.split(f"{SHA}/", 1)[1]])
            else:
                self._send(b"{}", 404, X_Error_Code="RepoNotFound")

        do_HEAD = do_GET  # noqa: N815 - a name of the base class

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            wanted = json.loads(self.rfile.read(length) or b"{}").get("paths", [])
            self._send(json.dumps([about(one) for one in wanted if one in files]).encode())

        def _send_file(self, content: bytes) -> None:
            ends = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if ends is None:
                self._send(content, ETag=f'"{SHA}"', X_Repo_Commit=SHA)
                return
            first, last = int(ends[1]), min(int(ends[2]), len(content) - 1)
            piece = content[first : last + 1]
            place = f"bytes {first}-{last}/{len(content)}"
            self._send(piece, 206, Content_Range=place, ETag=f'"{SHA}"', X_Repo_Commit=SHA)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
