"""Settings from a file and the environment; what is wrong is named with its source."""

from pathlib import Path

import pytest

from analysis.notes.address import local_address
from analysis.runtime.errors import InputError
from analysis.serve.server_settings import (
    FILE,
    LARGEST_FILE,
    ServerSettings,
    check_reach,
    read_settings,
    server_settings,
)


def written(folder: Path, text: str) -> dict[str, str]:
    file = folder / "clearwater.toml"
    file.write_text(text, encoding="utf-8")
    return {FILE: str(file)}


def test_without_settings_the_mode_is_local() -> None:
    settings = read_settings({})
    assert settings.mode == "local"
    assert settings.notes == local_address()


def test_pages_link_to_other_sites_in_the_mode_local_unless_they_may_not() -> None:
    assert read_settings({}).links_to_other_sites
    for text, allowed in (("false", False), ("true", True)):
        assert read_settings({"CLEARWATER_LINKS_OUT": text}).links_to_other_sites is allowed


def test_users_of_a_team_have_a_cap_of_jobs_and_one_person_has_none() -> None:
    settings = ServerSettings()
    assert (settings.job_processes, settings.job_seconds) == (1, 120)
    assert settings.most_jobs_of_user == 0
    assert ServerSettings(mode="team").most_jobs_of_user == 4
    for mode in ("local", "team"):
        given = {"CLEARWATER_MODE": mode, "CLEARWATER_PEOPLE": "x", "CLEARWATER_MOST_JOBS": "7"}
        assert read_settings(given).most_jobs_of_user == 7
    assert ServerSettings(mode="team", most_jobs=0).most_jobs_of_user == 0


def test_the_environment_precedes_the_file(tmp_path: Path) -> None:
    variables = written(tmp_path, 'mode = "local"\nnotes = "sqlite:////a/notes.sqlite"\n')
    assert read_settings(variables).notes == "sqlite:////a/notes.sqlite"
    more = variables | {"CLEARWATER_NOTES": "postgresql://host/b", "CLEARWATER_MODE": ""}
    assert read_settings(more).notes == "postgresql://host/b"
    assert read_settings({"CLEARWATER_NOTES": "sqlite:////c"}).notes == "sqlite:////c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mode = 3", "the setting mode is wrong: input should be 'local' or 'team'"),
        ("nots = 'x'", "there is no setting 'nots'; did you mean notes?"),
        ("xyz = 1", "there is no setting 'xyz'; did you mean mode or notes or links_out"),
        ("proxies = ['proxy']", "'proxy' is no address and no network such as 10.0.0.0/24."),
        ("proxy_secret = 'short'", "It is shorter than 24 characters"),
        ("login = 'ldap'", "the setting login is wrong: input should be 'oidc' or 'headers'"),
        ("notes = 'mysql://a'", "the setting notes is wrong. The address of the notes database"),
        ("notes = 5", "the setting notes is wrong: input should be a valid string"),
        ("job_processes = 0", "the setting job_processes is wrong: input should be greater than"),
        (
            "job_seconds = 'long'",
            "the setting job_seconds is wrong: input should be a valid integer",
        ),
        ("most_jobs = -1", "the setting most_jobs is wrong: input should be greater than or equal"),
        ("mode = ", "is not valid TOML"),
        ("# " + "a" * LARGEST_FILE, "is too large for a file of settings"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(written(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'clearwater.toml'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    variables = written(tmp_path, 'mode = "local"')
    with pytest.raises(InputError, match=r"^CLEARWATER_MODE: the setting mode is wrong"):
        read_settings(variables | {"CLEARWATER_MODE": "server"})
    with pytest.raises(InputError, match=r"^CLEARWATER_NOTES: the setting notes") as caught:
        read_settings({"CLEARWATER_NOTES": "mysql://me:secret@host/x"})
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml: the settings cannot be read"):
        read_settings({FILE: str(tmp_path / "missing.toml")})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text in UTF-8"):
        read_settings({FILE: str(tmp_path / "binary.toml")})


def test_a_process_reads_its_settings_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLEARWATER_NOTES", raising=False)
    variables = written(tmp_path, 'notes = "sqlite:////a/notes.sqlite"')
    monkeypatch.setenv(FILE, variables[FILE])
    assert server_settings().notes == "sqlite:////a/notes.sqlite"
    written(tmp_path, "broken")
    assert server_settings().notes == "sqlite:////a/notes.sqlite"
    monkeypatch.setenv("CLEARWATER_NOTES", "sqlite:////b/notes.sqlite")
    with pytest.raises(InputError, match="is not valid TOML"):
        server_settings()


TEAM = {"CLEARWATER_MODE": "team", "CLEARWATER_PEOPLE": "/etc/people.toml"}
HEADERS = TEAM | {"CLEARWATER_LOGIN": "headers"}


def test_a_team_needs_a_file_of_people() -> None:
    settings = read_settings(TEAM)
    assert settings.is_team and settings.people == Path("/etc/people.toml")
    assert not read_settings({}).is_team and not settings.links_to_other_sites
    with pytest.raises(InputError, match=r"^The mode team needs the setting people"):
        read_settings({"CLEARWATER_MODE": "team"})


def test_far_proxies_need_a_secret() -> None:
    assert read_settings(HEADERS).proxies == ("127.0.0.1", "::1")
    far = HEADERS | {"CLEARWATER_PROXIES": "127.0.0.1, 10.0.0.0/24"}
    with pytest.raises(InputError, match=r"The proxy 10\.0\.0\.0/24 is on another machine"):
        read_settings(far)
    assert read_settings(far | {"CLEARWATER_LOGIN": "oidc"}).login == "oidc"
    secret = far | {"CLEARWATER_PROXY_SECRET": "s" * 24}
    assert read_settings(secret).proxies == ("127.0.0.1", "10.0.0.0/24")


def test_headers_without_a_secret_are_believed_on_this_machine_only() -> None:
    believing = read_settings(HEADERS)
    check_reach(believing, "127.0.0.1")
    with pytest.raises(InputError, match=r"everybody who reaches 0\.0\.0\.0 could name"):
        check_reach(believing, "0.0.0.0")
    for safe in (HEADERS | {"CLEARWATER_PROXY_SECRET": "s" * 24}, TEAM):
        check_reach(read_settings(safe), "0.0.0.0")
    check_reach(ServerSettings(), "0.0.0.0")
