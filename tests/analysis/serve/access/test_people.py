"""The file of people: roles, rights, its changes, and what is refused."""

import logging
import os
from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.serve.access.identity import Identity
from analysis.serve.access.people import LARGEST_FILE, open_people, people_of, read_people
from analysis.serve.access.rights import Action, BundleKey, User, may

TEXT = """
[roles]
reader = ["*"]
annotator = ["group:inner", "Bob@lab.example"]
operator = ["ann@lab.example"]

[bundles.mine]
see = ["group:inner", "eve@lab.example"]
export = ["bob@lab.example"]
annotate = ["eve@lab.example", "group:inner"]

[bundles."*"]
see = ["*"]
"""
MINE, OTHER = BundleKey("1", "mine"), BundleKey("2", "other")


def written(folder: Path, text: str) -> Path:
    file = folder / "people.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "groups", "role", "on_mine"),
    [
        ("eve@lab.example", [], "reader", {"see"}),
        ("BOB@lab.example", ["inner"], "annotator", {"see", "export", "annotate"}),
        ("bob@lab.example", [], "annotator", set()),
        ("joe@lab.example", ["inner"], "annotator", {"see", "annotate"}),
        ("joe@lab.example", ["Inner"], "reader", set()),
        ("ANN@lab.example", [], "operator", {"see", "export", "annotate", "operate"}),
    ],
)
def test_roles_and_rights_by_name_and_group(
    name: str, groups: list[str], role: str, on_mine: set[Action], tmp_path: Path
) -> None:
    people = read_people(written(tmp_path, TEXT))
    user = people.user(Identity(name, frozenset(groups)))
    assert user is not None and user.role == role and user.name == name
    every: tuple[Action, ...] = ("see", "export", "annotate", "operate")
    assert {action for action in every if may(user, MINE, action)} == on_mine
    assert may(user, OTHER, "see") and may(user, OTHER, "export")


def test_a_role_of_the_login_counts_if_it_is_higher(tmp_path: Path) -> None:
    people = read_people(written(tmp_path, TEXT))
    for given, role in (("operator", "operator"), ("reader", "annotator")):
        user = people.user(Identity("bob@lab.example", role=given))  # type: ignore[arg-type]
        assert user is not None and user.role == role


def test_somebody_without_a_role_is_nobody(tmp_path: Path) -> None:
    people = read_people(written(tmp_path, TEXT.replace('reader = ["*"]', "")))
    assert people.user(Identity("joe@lab.example")) is None
    assert people.user(None) is None
    assert people.user(Identity("joe@lab.example", role="reader")) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it names no bundle; add"),
        ("[bundles]", "it names no bundle; add"),
        ("[bundles.a]", "'bundles.a.see' is wrong: field required"),
        ("[roles]\nreader = 'x'", "'roles.reader' is wrong"),
        ("[roles]\nadmin = ['x']\n[bundles.a]\nsee=[]", "'roles.admin' is not known; use roles"),
        ("[people]\n[bundles.a]\nsee=[]", "'people' is not known; use roles"),
        ("[bundles", "is not valid TOML"),
        ("# " + "a" * LARGEST_FILE, "is too large"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_people(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml: the file of people cannot be read"):
        read_people(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text in UTF-8"):
        read_people(tmp_path / "binary.toml")


def test_a_change_counts_at_once_and_a_broken_file_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, TEXT)
    people = open_people(file)
    ann = Identity("ann@lab.example")

    def role() -> str:
        user: User | None = people.user(ann)
        return user.role if user else ""

    assert role() == "operator"
    written(tmp_path, TEXT.replace('operator = ["ann@lab.example"]', ""))
    assert role() == "reader"
    with caplog.at_level(logging.ERROR):
        written(tmp_path, "[bundles")
        assert role() == "reader" and role() == "reader"
        assert len(caplog.records) == 1 and "stays in force" in caplog.text
        assert "not valid TOML" in people.problem
        file.unlink()
        assert role() == "reader"
    written(tmp_path, TEXT)
    os.utime(file, ns=(1, 1))
    assert role() == "operator" and people.problem == ""
    written(tmp_path, TEXT.replace("ann@lab.example", "bob@lab.example"))  # as long as before
    os.utime(file, ns=(2, 2))
    assert role() == "reader"


def test_a_process_has_one_state_of_a_file(tmp_path: Path) -> None:
    assert people_of(written(tmp_path, TEXT)) is people_of(tmp_path / "people.toml")


def test_names_are_compared_without_case_and_groups_with_it(tmp_path: Path) -> None:
    text = '[roles]\nreader = ["Ann@Lab.example", "group:Inner"]\n[bundles."*"]\nsee = ["*"]\n'
    people = open_people(written(tmp_path, text))
    assert people.user(Identity("ann@LAB.example")) is not None
    assert people.user(Identity("bob", frozenset({"Inner"}))) is not None
    assert people.user(Identity("bob", frozenset({"inner"}))) is None
