"""The files of a deployment: what can be run here is run, the others are checked for slips."""

import asyncio
import base64
import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from analysis.serve.access.identity import Identity
from analysis.serve.access.people import read_people
from analysis.serve.nginx import nginx_program
from analysis.serve.server_settings import FILE, read_settings
from bench.client import Client
from bench.server import free_port
from tests.analysis.serve.conftest import needs_nginx
from tests.browser.test_team_login import team
from tests.conftest import ROOT
from tests.pages.server.team_server import ask

DEPLOY = ROOT / "deploy"
HOST = "clearwater.lab.example"


def test_the_settings_and_the_people_are_valid() -> None:
    settings = read_settings({FILE: str(DEPLOY / "clearwater.toml")})
    assert settings.is_team and settings.login == "oidc"
    people = read_people(DEPLOY / "people.toml")
    roles = {
        name: user.role
        for name in ("eve@lab.example", "bob@lab.example", "ann@lab.example")
        if (user := people.user(Identity(name)))
    }
    assert [*roles.values()] == ["reader", "annotator", "operator"]
    auth = tomllib.loads((DEPLOY / "secrets.toml").read_text())["auth"]
    assert auth["redirect_uri"] == f"https://{HOST}/clearwater/oauth2callback"


def shipped_environment() -> dict[str, str]:
    """The variables of `deploy/environment`, as systemd and Compose read them.

    Only values that a shell reads in the same way are allowed, because the documentation also reads
    the file with one.
    """
    file = DEPLOY / "environment"
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
    shell = subprocess.run(
        ["env", "-i", shutil.which("sh") or "sh", "-c", f"set -a; . {file}; /usr/bin/env"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        variables.items() <= dict(line.split("=", 1) for line in shell.stdout.splitlines()).items()
    )
    return variables


def test_streamlit_reads_the_environment_as_it_is_meant() -> None:
    shipped = {
        name: value
        for name, value in shipped_environment().items()
        if name.startswith("STREAMLIT_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "config", "show"],
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | shipped,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    options = tomllib.loads(done.stdout[done.stdout.index("[global]") :])
    assert options["secrets"]["files"] == ["/etc/clearwater/secrets.toml"]
    assert options["server"]["baseUrlPath"] == "clearwater"
    assert options["server"]["allowedHosts"] == [HOST]
    assert len(shipped) == 3
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["clearwater"]
    given = compose["environment"]
    assert {name: shipped.get(name) for name in given if name.startswith("STREAMLIT_")} == {
        name: value for name, value in given.items() if name.startswith("STREAMLIT_")
    }


def test_the_documentation_shows_the_same_file_of_people() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    rules = (DEPLOY / "people.toml").read_text(encoding="utf-8").split("\n", 1)[1].strip()
    assert "\n".join(f"    {line}" if line else "" for line in rules.split("\n")) in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is missing")
@pytest.mark.parametrize("unit", ["clearwater.service", "clearwater-backup.service"])
def test_systemd_accepts_the_units(unit: str, tmp_path: Path) -> None:
    text = (DEPLOY / unit).read_text()
    program = re.search(r"/opt/clearwater/\S+/clearwater", text)
    assert program is not None
    (tmp_path / unit).write_text(text.replace(program[0], "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    own = [line for line in done.stderr.splitlines() if unit in line]
    assert own == []


def test_the_container_files_name_files_that_exist() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert len(copied) >= 8
    assert [name for name in copied if not (ROOT / name).exists()] == []
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    build = services["clearwater"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"
    assert services["clearwater"]["ports"] == ["127.0.0.1:8501:8501"]


@contextmanager
def nginx(folder: Path, server_port: int, site: str = "") -> Iterator[int]:
    """The nginx of `deploy/nginx.conf` without TLS, as an ordinary user; yields its port."""
    port = free_port()
    site = site or (DEPLOY / "nginx.conf").read_text()
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    site = re.sub(r"^ *ssl_.*\n", "", site, flags=re.MULTILINE)
    site = re.sub(r"server \{\n    listen 80;.*?\n\}\n", "", site, flags=re.DOTALL)
    site = site.replace("127.0.0.1:8501", f"127.0.0.1:{server_port}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root; " if os.geteuid() == 0 else ""  # else nobody, who cannot read the folder
    head = f"{user}daemon off; pid {folder}/nginx.pid; events {{}}"
    (folder / "nginx.conf").write_text(f"{head}\nhttp {{ access_log off;\n{paths}\n{site}}}")
    command = [nginx_program(), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and process.poll() is None:
            try:
                ask(f"http://127.0.0.1:{port}", "/", {})
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def websocket_answer(port: int, host: str) -> str:
    """The first line of the answer to the question of the documentation for a WebSocket."""
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    command = re.search(r"^ *(curl .*/_stcore/stream) \| head -n 1$", text, re.MULTILINE)
    assert command is not None
    request = command[1].replace("127.0.0.1:8501", f"127.0.0.1:{port}")
    assert f"Host: {HOST}" in request
    words = shlex.split(request.replace(HOST, host).replace("--max-time 5", "--max-time 60 -N"))
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode().strip()  # curl waits for messages after it
        process.terminate()
    return line


@needs_nginx
def test_nginx_serves_the_dashboard_below_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shipped_environment().items():
        if not value.startswith("/etc/"):  # the files are those of the test
            monkeypatch.setenv(name, value)
    with team(tmp_path, base_path="/clearwater") as server:
        port = int(server.address.rpartition(":")[2])
        with nginx(tmp_path, port) as front:
            address = f"http://127.0.0.1:{front}"
            assert ask(address, "/", {}).headers["Location"].endswith("/clearwater/")
            assert ask(address, "/clearwater/healthz", {}).status == 200
            page = ask(address, "/clearwater/latent?latent=3", {"Accept": "text/html"})
            assert page.status == 200 and page.headers["x-content-type-options"] == "nosniff"
            assert "Path=/clearwater;" in page.headers["set-cookie"]
            assert ask(address, "/clearwater/map-data/1/2/card/3", {}).status == 401
            assert ask(address, "/clearwater/api/v1/bundles", {}).status == 401
            # A program of this machine is not somebody who comes through nginx.
            assert ask(address, "/clearwater/metrics", {}).status == 401
            assert ask(server.address, "/healthz", {}).status == 404

            assert websocket_answer(port, HOST) == "HTTP/1.1 101 Switching Protocols"
            assert websocket_answer(front, HOST) == "HTTP/1.1 101 Switching Protocols"
            assert websocket_answer(front, "other.example") == "HTTP/1.1 403 Forbidden"

            async def labels() -> list[str]:
                place = ("127.0.0.1", front)
                async with Client(f"http://{HOST}/clearwater", resolved=place) as client:
                    run = await client.open("", timeout=120)
                    assert run.exceptions == []
                    return [widget.label for widget in run.widgets]

            assert asyncio.run(labels()) == ["Log in"]


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path and the headers of the request."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@needs_nginx
def test_nginx_names_the_user_whose_password_it_has_checked(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    shown = re.search(r"^    location /clearwater/ \{\n.*?^    \}\n.*?^    \}\n", text, re.M | re.S)
    assert shown is not None
    passwords = tmp_path / "passwords"
    passwords.write_text("ann:{PLAIN}right\n")
    site = (DEPLOY / "nginx.conf").read_text()
    first = site.index("    location /clearwater/ {")
    given = shown[0].replace("/etc/nginx/clearwater.htpasswd", str(passwords))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        with nginx(tmp_path, upstream.server_port, f"{site[:first]}{given}}}\n") as port:
            address = f"http://127.0.0.1:{port}"
            forged = {"X-Forwarded-Email": "eve", "X-Forwarded-Groups": "inner"}
            assert ask(address, "/clearwater/", forged).status == 401
            login = {"Authorization": f"Basic {base64.b64encode(b'ann:right').decode()}"}
            seen = json.loads(ask(address, "/clearwater/map", {**login, **forged}).body)
            assert (seen["path"], seen["x-forwarded-email"]) == ("/clearwater/map", "ann")
            assert "x-forwarded-groups" not in seen
            assert seen["x-clearwater-proxy-secret"].startswith("the proxy_secret")
            health = json.loads(ask(address, "/clearwater/healthz", forged).body)
            assert health["path"] == "/clearwater/healthz" and "x-forwarded-email" not in health
        upstream.shutdown()
