"""The route of the selected rows of a map."""

import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

import charts.map
from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from analysis.selection import evaluate, parse
from analysis.serve.access.rights import Action, Grant, User
from charts.core.provenance import Provenance, hashes_of
from charts.reproduction import made_again
from pages.server.map_rows import rows
from pages.widgets import noted
from tests.pages.server.conftest import asked, audited, of_team

pytestmark = pytest.mark.usefixtures("offered")


def selected(bundle: Bundle, text: str) -> list[int]:
    on_map = bundle.latents["x"].is_valid().to_numpy()
    return [int(i) for i in np.flatnonzero(evaluate(parse(text), bundle) & on_map)]


def test_a_parquet_file_has_the_selected_latents_and_its_caption(planted_bundle: Bundle) -> None:
    query = {"select": "density<0.02", "colour": "max"}
    answer = rows(asked(planted_bundle, query, map="decoder", kind="parquet"))
    assert answer.headers["content-disposition"].startswith('attachment; filename="map_')
    assert answer.headers["cache-control"] == "no-store"
    table = pq.read_table(io.BytesIO(bytes(answer.body)))
    assert table["latent"].to_pylist() == selected(planted_bundle, "density<0.02")
    stored = planted_bundle.latents["max"].to_pylist()
    assert table["max"].to_pylist() == [stored[i] for i in table["latent"].to_pylist()]
    assert b"selection density<0.02" in table.schema.metadata[b"clearwater.caption"]


def test_a_csv_file_has_the_same_rows(planted_bundle: Bundle) -> None:
    answer = rows(asked(planted_bundle, {"select": "flag=live"}, map="decoder", kind="csv"))
    read = pd.read_csv(io.BytesIO(bytes(answer.body)))
    assert read["latent"].tolist() == selected(planted_bundle, "flag=live")


def test_other_kinds_and_selections_that_cannot_be_read_are_refused(planted_bundle: Bundle) -> None:
    with pytest.raises(HTTPException):
        rows(asked(planted_bundle, map="decoder", kind="exe"))
    answer = rows(asked(planted_bundle, {"select": "density<<"}, map="decoder", kind="csv"))
    assert answer.status_code == 400 and bytes(answer.body).endswith(b".")


def test_a_map_of_notes_is_made_again_after_they_have_changed(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    place, content = noted.place_of(planted_bundle), note_content(tags=["odd"])
    noted.note_store().write(place, latent_subject(8), content, 0, "ada")
    answer = rows(asked(planted_bundle, {"colour": "note_tag"}, map="decoder", kind="provenance"))
    stated = Provenance.model_validate_json(bytes(answer.body))
    noted.note_store().write(place, latent_subject(9), content, 0, "ada")
    again = made_again(planted_bundle, stated)
    assert hashes_of(again.rows) == stated.columns
    named = zip(again.rows["latent"].to_pylist(), again.rows["note_tag"].to_pylist(), strict=True)
    assert {latent: tag for latent, tag in named if tag} == {8: "odd"}


def test_a_selection_of_notes_has_the_rows_of_the_notes(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    content = note_content(tags=["odd"])
    for latent in (3, 8):
        noted.note_store().write(
            noted.place_of(planted_bundle), latent_subject(latent), content, 0, "ada"
        )
    answer = rows(asked(planted_bundle, {"select": "tag=odd"}, map="decoder", kind="parquet"))
    assert pq.read_table(io.BytesIO(bytes(answer.body)))["latent"].to_pylist() == [3, 8]


def test_the_provenance_makes_the_rows_again(planted_bundle: Bundle) -> None:
    query = {"select": "density<0.02", "colour": "association", "latent": "8", "measure": "jaccard"}
    answer = rows(asked(planted_bundle, query, map="decoder", kind="provenance"))
    body = bytes(answer.body)
    assert body.startswith(b'{"bundle":"'), "by which a dropped file is recognised"
    provenance = Provenance.model_validate_json(body)
    made = made_again(planted_bundle, provenance)
    assert made.rows["latent"].to_pylist() == selected(planted_bundle, "density<0.02")
    assert hashes_of(made.rows) == provenance.columns
    assert provenance.selection == "density<0.02"


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ({"colour": "association", "latent": "8"}, {"latent": 8, "measure": "phi"}),
        (
            {"colour": "association", "latent": "8", "measure": "lift", "regime": "2.5,7"},
            {"latent": 8, "measure": "lift", "regime": (2.5, 7.0)},
        ),
        ({"colour": "profile", "profile": "source"}, {"profile": "source"}),
        ({"colour": "own_text", "own_text": "sea"}, {"own_text": "sea"}),
        (
            {"colour": "density"},
            {"latent": None, "profile": "", "own_text": "", "colour": "density"},
        ),
        ({}, {"colour": "cluster", "level": None, "regime": None}),
    ],
)
def test_the_view_of_the_address_decides_the_rows(
    planted_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
    view: dict[str, object],
) -> None:
    given: dict[str, object] = {}
    real = charts.map.selected_rows

    def noticed(bundle: Bundle, text: str, **view: object) -> object:
        given.update(view)
        return real(bundle, "flag=live", colour="density", map_name="decoder")

    monkeypatch.setattr(charts.map, "selected_rows", noticed)
    rows(asked(planted_bundle, query, map="decoder", kind="csv"))
    assert {name: given[name] for name in view} == view


def test_rows_need_the_right_to_export_and_are_recorded(
    planted_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answered(kind: str, *actions: Action) -> Response:
        user = User("ada", "reader", (Grant("*", frozenset(actions)),))
        request = asked(planted_bundle, map="decoder", kind=kind)
        return rows(of_team(request, user, tmp_path, monkeypatch))

    with caplog.at_level(logging.INFO, "clearwater.audit"):
        for kind in ("csv", "provenance"):
            with pytest.raises(HTTPException) as refused:
                answered(kind, "see")
            assert refused.value.status_code == 403
        assert audited(caplog) == []
        answer = answered("csv", "see", "export")
    (entry,) = audited(caplog)
    assert (entry["action"], entry["user"]) == ("export", "ada")
    assert f'"{entry["what"]}"' in answer.headers["content-disposition"]
