"""The generated nginx configuration."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.serve import nginx
from tests.analysis.serve.conftest import needs_nginx


@needs_nginx
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("admitted", [(), ("10.0.0.0/24", "::1")])
def test_nginx_accepts_the_configuration(
    tmp_path: Path, address: str, admitted: tuple[str, ...]
) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(nginx.configuration(tmp_path, [18001, 18002, 18003], address, 18000, admitted))
    program = nginx.nginx_program()
    checked = subprocess.run(
        [program, "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "syntax is ok" in checked.stderr, checked.stderr


def test_every_worker_has_the_others_as_backup(tmp_path: Path) -> None:
    text = nginx.configuration(tmp_path, [18001, 18002], "::1", 18000)
    assert "listen [::1]:18000;" in text
    own = re.search(r"upstream worker_1 \{([^}]*)\}", text)
    assert own is not None
    assert own[1].split(";\n")[0].split() == ["server", "127.0.0.1:18002", "max_fails=0"]
    assert own[1].split(";\n")[1].split() == ["server", "127.0.0.1:18001", "max_fails=0", "backup"]


def test_only_those_who_are_admitted_are_answered(tmp_path: Path) -> None:
    every = nginx.configuration(tmp_path, [18001], "::1", 18000)
    assert "allow" not in every and "deny" not in every
    text = nginx.configuration(tmp_path, [18001], "::1", 18000, ("10.0.0.0/24", "::1"))
    rules = re.findall(r"^\s*((?:allow|deny) .*);$", text, re.MULTILINE)
    assert rules == ["allow 10.0.0.0/24", "allow ::1", "deny all"]


def test_a_missing_nginx_is_one_sentence_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(InputError, match="install nginx-light") as raised:
        nginx.nginx_program()
    assert "\n" not in str(raised.value)


def test_nginx_is_found_where_debian_installs_it_for_root_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(nginx, "PLACES", (str(tmp_path),))
    assert nginx.nginx_program() == str(program)
