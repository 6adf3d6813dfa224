"""Start the dashboard from any folder, including when Clearwater is installed as a package."""

import errno
import logging
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.runtime.errors import InputError
from analysis.runtime.memory import CACHE_MEGABYTES
from analysis.serve.nginx import HERE, nginx_program
from analysis.serve.server_settings import check_reach, server_settings
from analysis.serve.structured_log import log_in_lines
from analysis.serve.supervisor import Plan, supervise

BUNDLES = "CLEARWATER_BUNDLES"
"""Environment variable that names the folders in which the dashboard looks for bundles."""
FIRST_PORT = 8501
PORTS_TRIED = 100


def dashboard_file() -> Path:
    """`dashboard.py`, next to the package both in a checkout and in an installation.

    Streamlit reads `.streamlit/config.toml` next to it, so the theme is the same everywhere.
    """
    return Path(__file__).resolve().parents[2] / "dashboard.py"


def bundle_folders() -> list[Path]:
    """The folders to search for bundles; those of the environment variable come first."""
    named = os.environ.get(BUNDLES, "").split(os.pathsep)
    paths = [Path(name) for name in named if name]
    home = dashboard_file().parent
    return [*paths, home / "data", home / "bundles", Path.cwd() / "bundles"]


def serve(
    folders: Sequence[Path],
    port: int | None,
    address: str,
    workers: int,
    megabytes: int,
    first_port: int | None = None,
) -> None:
    """Serve the dashboard until it is stopped.

    With one worker, the server replaces this process. `megabytes` is what the caches of all workers
    may hold together; `first_port` is the port of the first of several workers. Raises InputError
    if a folder does not exist, a port is in use, nginx is missing, a setting is wrong, or a worker
    does not start.
    """
    check_reach(server_settings(), address)
    chosen = open_port(address, port)
    settings = environment(folders, megabytes // workers)
    if workers == 1:
        here = ["--server.address", address, "--server.port", str(chosen)]
        os.execve(sys.executable, [*command(), *here], settings)
    if proxies := admitted():
        settings |= {"CLEARWATER_PROXIES": HERE}  # their own nginx, which looks at the addresses
    behind = [*command(), "--server.address", HERE, "--logger.hideWelcomeMessage", "true"]
    if server_settings().is_team:
        log_in_lines()
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%X")
    ports = () if first_port is None else range(first_port, first_port + workers)
    for own in ports:
        open_port(HERE, own)
    path = settings.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    seconds = server_settings().prepare_seconds
    plan = Plan(
        nginx_program(), behind, workers, address, chosen, proxies, first_port, path, seconds
    )
    supervise(plan, settings)


def admitted() -> tuple[str, ...]:
    """Who may reach the port of several workers: with login = headers only the trusted proxies.

    The workers see only their own nginx, so it must look at the addresses.
    """
    settings = server_settings()
    return settings.proxies if settings.is_team and settings.login == "headers" else ()


def command() -> list[str]:
    """The command of a server process, without its address and port."""
    return [sys.executable, "-m", "streamlit", "run", str(dashboard_file())]


def environment(folders: Sequence[Path], cache_megabytes: int) -> dict[str, str]:
    """The environment of a server process: `folders` come before those already in the environment.

    Raises InputError if a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; give a folder of bundles.")
    named = os.environ.get(BUNDLES, "")
    paths = [*(str(folder.resolve()) for folder in folders), *([named] if named else [])]
    # One secret for all processes: a cookie that one signs must be valid for the others.
    secret = {"STREAMLIT_SERVER_COOKIE_SECRET": secrets.token_hex(32)}
    settings = {
        "STREAMLIT_SERVER_HEADLESS": "true",
        CACHE_MEGABYTES: str(cache_megabytes),
        # The other half is for finished figures.
        "STREAMLIT_SERVER_MAX_CACHE_DATA_SIZE": f"{cache_megabytes // 2}mb",
    }
    if admitted():
        settings |= {"FORWARDED_ALLOW_IPS": ""}  # only the address of the proxy itself counts
    return secret | os.environ | settings | ({BUNDLES: os.pathsep.join(paths)} if paths else {})


def open_port(address: str, port: int | None) -> int:
    """The port, or the first free one from 8501 if none is given.

    Raises InputError if the port is in use or the address is not one of this machine.
    """
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else (port,):
        if _is_free(address, candidate):
            return candidate
    if port is None:
        last = FIRST_PORT + PORTS_TRIED - 1
        raise InputError(f"Ports {FIRST_PORT} to {last} are all in use; give a free one: --port.")
    raise InputError(f"Port {port} is in use; stop what uses it, or give another one: --port.")


def _is_free(address: str, port: int) -> bool:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            trial.listen()
    except PermissionError as error:
        raise InputError(
            f"Port {port} needs more rights than this user has; give one from 1024: --port."
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise InputError(
            f"{address}: cannot be listened on ({error.strerror}); give an address of this machine."
        ) from error
    return True
