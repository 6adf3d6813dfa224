"""Files that are made when they are asked for: the right is asked then, too."""

import ast
from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.identity import Identity
from analysis.serve.jobs.job import Job, Requester
from charts.density import density_histogram
from pages.widgets import authorised_file, waiting_jobs
from pages.widgets.authorised_file import authorised, may_be_exported
from tests.conftest import ROOT

PEOPLE = '[roles]\nreader = ["*"]\n[bundles.planted]\nsee = ["*"]\nexport = ["ada"]\n'


def test_every_download_of_the_pages_asks_when_it_is_made() -> None:
    calls = [
        (path.name, ast.unparse(node.args[1]))
        for path in (ROOT / "pages").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("download_button")
    ]
    assert len(calls) >= 3
    assert [call for call in calls if not call[1].startswith("authorised(")] == []


def test_locally_the_file_is_made_without_a_question(planted_bundle: Bundle) -> None:
    figure = density_histogram(planted_bundle)
    assert authorised(figure, "density.csv", lambda: b"made")() == b"made"
    assert may_be_exported(figure) and may_be_exported(planted_bundle)


def test_jobs_of_a_file_are_those_of_the_page_that_offered_it(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorised_file, "requester", lambda: Requester("ada", "page 1"))
    made: list[Job] = []

    def make() -> bytes:
        made.append(Job(len, ((),), "Densities"))
        raise InputError("/srv/x.parquet: is damaged.")

    file = authorised(density_histogram(planted_bundle), "density.png", make)
    monkeypatch.setattr(authorised_file, "requester", lambda: Requester("bob", "page 2"))
    with pytest.raises(InputError):
        file()
    assert made[0].requester == Requester("ada", "page 1")
    assert waiting_jobs.problems_of("page 2") == []
    assert waiting_jobs.problems_of("page 1") == ["x.parquet: is damaged."]
    assert waiting_jobs.problems_of("page 1") == []


def test_a_right_counts_when_the_file_is_made(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = tmp_path / "people.toml"
    people.write_text(PEOPLE)
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(people))
    recorded: list[tuple[str, ...]] = []
    monkeypatch.setattr(authorised_file, "record", lambda *entry: recorded.append(entry))
    figure = density_histogram(planted_bundle)
    files = {}
    for name in ("ada", "bob"):
        monkeypatch.setattr(authorised_file, "current_identity", lambda n=name: Identity(n))
        files[name] = authorised(figure, "density.csv", lambda: b"made")
    assert files["ada"]() == b"made"
    assert recorded == [("export", "ada", planted_bundle.manifest.bundle_id, "density.csv")]
    with pytest.raises(InputError, match="not export from it"):
        files["bob"]()
    people.write_text(PEOPLE.replace('export = ["ada"]', 'export = ["bob"]'))
    assert files["bob"]() == b"made"
    with pytest.raises(InputError):
        files["ada"]()
    assert len(recorded) == 2
