"""Who writes a note."""

import ast
from collections.abc import Iterator

import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.rights import Grant, User
from pages.widgets import author as authors
from pages.widgets import current_user
from pages.widgets.author import author, writer
from tests.conftest import ROOT

WRITES = ("write", "undo", "restore", "vote", "put")
"""Methods of the notes database that change it under the name of an author."""


def test_it_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert author() == "ada"


def test_only_who_may_annotate_is_a_writer(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[str, ...]] = []
    monkeypatch.setattr(authors, "record", lambda *entry: recorded.append(entry))
    grants = (Grant("*", frozenset({"see", "annotate"})),)
    monkeypatch.setattr(current_user, "current_user", lambda: User("bob", "reader", grants))
    with pytest.raises(InputError, match="not write them"):
        writer(planted_bundle, "latent 3")
    assert recorded == []
    monkeypatch.setattr(current_user, "current_user", lambda: User("bob", "annotator", grants))
    monkeypatch.setenv("LOGNAME", "ada")
    assert writer(planted_bundle, "latent 3") == "ada"  # the mode is local
    assert recorded == [("annotate", "ada", planted_bundle.manifest.bundle_id, "latent 3")]


def calls_of_pages() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((ROOT / "pages").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.name, node


def test_every_write_of_the_pages_asks_for_the_writer() -> None:
    """A write without it would be one without the question whether it is allowed."""
    writes = [
        (name, node)
        for name, node in calls_of_pages()
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITES
        and ast.unparse(node.func.value) == "note_store()"
    ]
    assert len(writes) >= 5
    for name, node in writes:
        text = ast.unparse(node)
        assert "writer(bundle" in text or "name" in map(ast.unparse, node.args), (name, text)
