"""The dashboard can be started from any folder."""

import os
import socket
import sys
from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.runtime.memory import CACHE_MEGABYTES
from analysis.serve import launch
from analysis.serve.launch import BUNDLES, command, dashboard_file, environment, open_port
from analysis.serve.supervisor import Plan

HERE = "127.0.0.1"


def test_the_dashboard_and_its_theme_are_next_to_the_package() -> None:
    assert dashboard_file().is_file()
    assert (dashboard_file().parent / ".streamlit" / "config.toml").is_file()
    assert command() == [sys.executable, "-m", "streamlit", "run", str(dashboard_file())]


def test_folders_come_before_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLES, "elsewhere")
    assert environment([], 1)[BUNDLES] == "elsewhere"
    assert environment([tmp_path], 1)[BUNDLES] == os.pathsep.join([str(tmp_path), "elsewhere"])
    monkeypatch.delenv(BUNDLES)
    assert BUNDLES not in environment([], 1)
    assert environment([tmp_path], 1)[BUNDLES] == str(tmp_path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        environment([tmp_path / "missing"], 1)


def test_all_processes_share_one_secret_which_the_environment_may_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "STREAMLIT_SERVER_COOKIE_SECRET"
    monkeypatch.delenv(name, raising=False)
    first, second = environment([], 100)[name], environment([], 100)[name]
    assert len(first) == 64
    assert first != second
    monkeypatch.setenv(name, "ours")
    assert environment([], 100)[name] == "ours"


def test_one_worker_replaces_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(
        os, "execve", lambda _, arguments, settings: started.append((arguments, settings))
    )
    monkeypatch.setattr(launch, "open_port", lambda _, port: port)
    # The real call does not return.
    monkeypatch.setattr(launch, "nginx_program", lambda: "nginx")
    monkeypatch.setattr(launch, "supervise", lambda *_: None)
    launch.serve([], 8600, HERE, workers=1, megabytes=300)
    arguments, settings = started[0]
    assert arguments == [*command(), "--server.address", HERE, "--server.port", "8600"]
    assert settings[CACHE_MEGABYTES] == "300"


def test_workers_share_the_memory_and_listen_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[tuple[Plan, dict[str, str]]] = []
    monkeypatch.setattr(launch, "nginx_program", lambda: "nginx")
    monkeypatch.setattr(
        launch, "supervise", lambda plan, settings: started.append((plan, settings))
    )
    monkeypatch.setattr(launch, "open_port", lambda _, port: port)
    launch.serve([], 8600, "0.0.0.0", workers=3, megabytes=300)
    plan, settings = started[0]
    assert (plan.workers, plan.address, plan.port, plan.prepare) == (3, "0.0.0.0", 8600, 10)
    assert list(plan.worker[:7]) == [*command(), "--server.address", HERE]
    assert settings[CACHE_MEGABYTES] == "100"
    assert settings["STREAMLIT_SERVER_MAX_CACHE_DATA_SIZE"] == "50mb"


def test_the_ports_of_the_workers_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr(launch, "nginx_program", lambda: "nginx")
    monkeypatch.setattr(launch, "supervise", lambda plan, _: plans.append(plan))
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "/clearwater")
    monkeypatch.setenv("CLEARWATER_PREPARE_SECONDS", "7")
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} is in use"):
            launch.serve([], None, HERE, 2, 100, port)
    monkeypatch.setattr(launch, "open_port", lambda _, port: port)
    launch.serve([], 8600, HERE, 3, 100, 8700)
    assert (plans[0].first_port, plans[0].path, plans[0].prepare) == (8700, "clearwater", 7)


def test_a_port_in_use_is_refused_and_the_next_free_one_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} is in use"):
            open_port(HERE, port)
        monkeypatch.setattr(launch, "FIRST_PORT", port)
        assert port < open_port(HERE, None) < port + launch.PORTS_TRIED
        monkeypatch.setattr(launch, "PORTS_TRIED", 1)
        with pytest.raises(InputError, match="are all in use"):
            open_port(HERE, None)
    assert open_port(HERE, port) == port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match=r"192\.0\.2\.1: cannot be listened on"):
        open_port("192.0.2.1", 8600)
    with pytest.raises(InputError, match="no such host: cannot be listened on"):
        open_port("no such host", 8600)


def test_a_wrong_setting_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "open_port", lambda *_: pytest.fail("a port was opened"))
    monkeypatch.setenv("CLEARWATER_NOTES", "mysql://host/db")
    with pytest.raises(InputError, match="CLEARWATER_NOTES: the setting notes is wrong"):
        launch.serve([], None, HERE, 1, 100)


def test_workers_behind_a_proxy_answer_their_nginx_and_it_answers_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[tuple[Plan, dict[str, str]]] = []
    monkeypatch.setattr(launch, "nginx_program", lambda: "nginx")
    monkeypatch.setattr(
        launch, "supervise", lambda plan, settings: started.append((plan, settings))
    )
    monkeypatch.setattr(launch, "open_port", lambda _, port: port)
    for name, text in (("MODE", "team"), ("LOGIN", "headers"), ("PEOPLE", "/etc/people.toml")):
        monkeypatch.setenv(f"CLEARWATER_{name}", text)
    with pytest.raises(InputError, match="could name themselves"):
        launch.serve([], 8600, "0.0.0.0", workers=2, megabytes=300)
    assert started == []
    monkeypatch.setenv("CLEARWATER_PROXIES", "10.0.0.0/24")
    monkeypatch.setenv("CLEARWATER_PROXY_SECRET", "s" * 24)
    launch.serve([], 8600, "0.0.0.0", workers=2, megabytes=300)
    ((plan, settings),) = started
    assert plan.admitted == ("10.0.0.0/24",)
    assert settings["CLEARWATER_PROXIES"] == HERE
    assert settings["FORWARDED_ALLOW_IPS"] == ""
    monkeypatch.setenv("CLEARWATER_LOGIN", "oidc")
    launch.serve([], 8600, "0.0.0.0", workers=2, megabytes=300)
    plan, settings = started[1]
    assert plan.admitted == () and settings["CLEARWATER_PROXIES"] == "10.0.0.0/24"
    assert "FORWARDED_ALLOW_IPS" not in settings
