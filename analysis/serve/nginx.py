"""The nginx configuration that puts several server processes behind one port.

A session lives in one process: its WebSocket, pictures, downloads and uploads must reach that
process. The first answer sets a cookie that names the process, and nginx follows it. A request
without a cookie goes to the process with the fewest connections. If a process is down, its requests
go to the others.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from analysis.runtime.errors import InputError

HERE = "127.0.0.1"
"""Where the server processes listen; only this machine can reach them."""
COOKIE = "clearwater_worker"
PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin")
"""Folders of nginx that are often missing in the PATH of a user."""


def nginx_program() -> str:
    """The path of nginx. Raises InputError if it is not installed."""
    search = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
    program = shutil.which("nginx", path=search)
    if program is None:
        raise InputError(
            "nginx is not installed, and --workers needs it to share one port; install it "
            "(apt-get install nginx-light, or brew install nginx), or leave --workers out."
        )
    return program


def configuration(
    folder: Path, workers: Sequence[int], address: str, port: int, admitted: Sequence[str] = ()
) -> str:
    """The configuration of nginx at `address` and `port`; it writes only to `folder`.

    `workers` are the ports of the server processes on this machine. Worker i is `workers[i]`.
    `admitted` are the addresses and networks that are answered; none: all are.
    """
    rules = [*(f"allow {one};" for one in admitted), *(["deny all;"] if admitted else [])]
    access = "".join(f"\n        {rule}" for rule in rules)
    host = f"[{address}]" if ":" in address else address
    routes = "\n".join(f"        {i} worker_{i};" for i in range(len(workers)))
    answered = "\n".join(f'        "~:{own}$" {i};' for i, own in enumerate(workers))
    upstreams = "\n".join(_upstream(i, workers) for i in range(len(workers)))
    every = "\n".join(f"        {_server(own)};" for own in workers)
    temporary = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
{temporary}
    map $http_upgrade $kept {{ default upgrade; "" close; }}
    map $cookie_{COOKIE} $process {{
{routes}
        default least_busy;
    }}
    # After a process was down, the last address is the one that answered.
    map $upstream_addr $answered {{
{answered}
        default "";
    }}
    map "$cookie_{COOKIE}=$answered" $cookie {{
        "~^(.*)=\\1$" "";
        "~=$" "";
        default "{COOKIE}=$answered; Path=/; HttpOnly; SameSite=Lax";
    }}
    upstream least_busy {{
        least_conn;
{every}
    }}
{upstreams}
    server {{
        listen {host}:{port};{access}
        client_max_body_size 0;  # Streamlit has its own limit
        location / {{
            proxy_pass http://$process;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $kept;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_read_timeout 1h;  # a reader who does nothing keeps the WebSocket open
            proxy_send_timeout 1h;
            proxy_next_upstream error;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
            add_header Set-Cookie $cookie always;
        }}
    }}
}}
"""


def _upstream(own: int, workers: Sequence[int]) -> str:
    others = [f"        {_server(port)} backup;" for i, port in enumerate(workers) if i != own]
    lines = [f"    upstream worker_{own} {{", f"        {_server(workers[own])};", *others, "    }"]
    return "\n".join(lines)


def _server(port: int) -> str:
    # Without max_fails=0, one failure would send all sessions of a process elsewhere for a while.
    return f"server {HERE}:{port} max_fails=0"
