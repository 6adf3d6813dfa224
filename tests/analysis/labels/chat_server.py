"""A server on the loopback with as much of OpenAI's chat completions as names need."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatServer(ThreadingHTTPServer):
    """Answers with the first word of the last message, and records the requests.

    A request for its models is answered with `models`; `keys` are the keys of these requests.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.seen: list[tuple[str, str | None, dict[str, Any]]] = []
        self.status = 200
        self.raw: bytes | None = None
        self.models = b""
        self.keys: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: ChatServer

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self.send_response(self.server.status if self.path == "/v1/models" else 404)
        self.send_header("Content-Length", str(len(self.server.models)))
        self.end_headers()
        self.wfile.write(self.server.models)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], request))
        message = request["messages"][-1]["content"]
        answer = {"role": "assistant", "content": f'"{message.split(",")[0]} things."\nBecause.'}
        raw = json.dumps({"choices": [{"message": answer}]}).encode()
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", f"{self.server.address}/elsewhere")
        self.end_headers()
        self.wfile.write(raw if self.server.raw is None else self.server.raw)

    def log_message(self, *_: object) -> None:
        pass
