"""The read API, against the tables of the bundle itself."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from analysis.bundle import TABLES, Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from analysis.serve.access.rights import Grant, User
from pages.server import read_api
from pages.server.rate_limit import RateLimit
from pages.server.requested_bundle import USER
from pages.widgets.noted import note_store, place_of
from tests.pages.server.conftest import asked, audited, of_team

pytestmark = pytest.mark.usefixtures("offered")


def content(answer: Response) -> Any:
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    return json.loads(bytes(answer.body))


def arrow(answer: Response) -> pa.Table:
    assert answer.status_code == 200 and answer.media_type == read_api.ARROW
    return pa.ipc.open_stream(bytes(answer.body)).read_all()


def test_bundles_are_listed_with_their_facts(planted_bundle: Bundle) -> None:
    own = planted_bundle.manifest.bundle_id
    listed = content(read_api.bundles(asked(planted_bundle)))["bundles"]
    assert {"id": own, "name": "planted"} in listed
    facts = content(read_api.bundle(asked(planted_bundle)))
    assert (facts["id"], facts["content"]) == (own, planted_bundle.identity)
    assert facts["latents"] == planted_bundle.latents.num_rows
    latents = facts["tables"]["latents"]
    assert latents["rows"] == planted_bundle.latents.num_rows
    assert [*latents["columns"]] == TABLES["latents"].names
    assert latents["columns"]["density"]["type"] == str(TABLES["latents"].field("density").type)


def test_a_selection_gives_the_latents_that_it_selects(planted_bundle: Bundle) -> None:
    request = asked(planted_bundle, {"select": "density<0.01  and !flag=dead"})
    answer = content(read_api.latents(request))
    density = planted_bundle.latents["density"].to_numpy()
    dead = np.array([flag == "dead" for flag in planted_bundle.latents["flag"].to_pylist()])
    assert answer["latents"] == np.flatnonzero((density < 0.01) & ~dead).tolist() != []
    assert answer["select"] == "density<0.01 & !flag=dead"
    every = content(read_api.latents(asked(planted_bundle)))["latents"]
    assert every == list(range(planted_bundle.latents.num_rows))
    wrong = read_api.latents(asked(planted_bundle, {"select": "density<"}))
    assert wrong.status_code == 400 and bytes(wrong.body).endswith(b".")


@pytest.mark.parametrize("table", ["latents", "contexts", "relations"])
def test_a_table_comes_as_it_is_stored(table: str, planted_bundle: Bundle) -> None:
    stored = pq.read_table(planted_bundle.path / f"{table}.parquet")
    rows = arrow(read_api.table(asked(planted_bundle, table=table)))
    assert rows.num_rows == stored.num_rows > 0
    first = stored.column_names[0]
    assert rows[first].to_pylist() == stored[first].to_pylist()


def test_a_table_comes_in_pieces(planted_bundle: Bundle) -> None:
    stored = pq.read_table(planted_bundle.path / "contexts.parquet")
    offset, taken = 0, []
    while True:
        query = {"offset": offset, "limit": 37}
        answer = read_api.table(asked(planted_bundle, query, table="contexts"))
        assert answer.headers["x-rows"] == str(stored.num_rows)
        taken.append(arrow(answer))
        assert taken[-1].num_rows <= 37
        if "x-next-offset" not in answer.headers:
            break
        offset = int(answer.headers["x-next-offset"])
    assert pa.concat_tables(taken)["latent"].to_pylist() == stored["latent"].to_pylist()
    beyond = arrow(read_api.table(asked(planted_bundle, {"offset": 10**9}, table="contexts")))
    assert beyond.num_rows == 0


@pytest.mark.parametrize(
    ("table", "query", "status"),
    [
        ("manifest", {}, 404),
        ("../latents", {}, 404),
        ("latents", {"offset": "-1"}, 400),
        ("latents", {"limit": "x"}, 400),
        ("latents", {"limit": "9" * 40}, 400),
    ],
)
def test_what_cannot_be_answered(
    table: str, query: dict[str, str], status: int, planted_bundle: Bundle
) -> None:
    with pytest.raises(HTTPException) as refused:
        read_api.table(asked(planted_bundle, query, table=table))
    assert refused.value.status_code == status and refused.value.detail.endswith(".")


def test_pieces_are_read_only_as_far_as_they_are_needed() -> None:
    read: list[int] = []

    def pieces() -> Any:
        for number in range(5):
            read.append(number)
            yield pa.table({"n": range(10 * number, 10 * number + 10)})

    assert read_api._rows(pieces(), 5, 10)["n"].to_pylist() == list(range(5, 15))
    assert read == [0, 1]


@pytest.mark.parametrize(("offset", "limit"), [(0, 50), (10, 10), (25, 10), (37, 2), (45, 50)])
def test_rows_of_later_pieces_are_those_of_the_whole_table(offset: int, limit: int) -> None:
    whole = pa.table({"n": range(50)})
    pieces = (whole.slice(start, 10) for start in range(0, 50, 10))
    rows = read_api._rows(pieces, offset, limit)
    assert rows["n"].to_pylist() == list(range(50))[offset : offset + limit]


def test_notes_come_with_their_author(planted_bundle: Bundle) -> None:
    place = place_of(planted_bundle)
    note_store().write(place, latent_subject(7), note_content(text="days"), 0, "ada")
    rows = arrow(read_api.notes(asked(planted_bundle)))
    row = next(row for row in rows.to_pylist() if row["text"] == "days")
    assert (row["author"], row["latents"]) == ("ada", [7])


def test_rights_are_those_of_the_pages(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = User("ada", "reader", (Grant("planted", frozenset({"see"})),))
    request = of_team(asked(planted_bundle, table="latents"), looker, tmp_path, monkeypatch)
    assert len(content(read_api.bundles(request))["bundles"]) == 1
    assert content(read_api.bundle(request))["name"] == "planted"
    assert content(read_api.latents(request))["latents"]
    for answer in (read_api.table, read_api.notes):
        with pytest.raises(HTTPException) as refused:
            answer(request)
        assert refused.value.status_code == 403
    request.scope[USER] = User("bob", "reader")
    assert content(read_api.bundles(request)) == {"bundles": []}
    for answer in (read_api.bundle, read_api.latents, read_api.table, read_api.notes):
        with pytest.raises(HTTPException) as refused:
            answer(request)
        assert refused.value.status_code == 404


def test_a_user_who_asks_too_often_waits(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_api, "LIMIT", RateLimit(burst=2, per_second=0.1))
    operator = User("ann", "operator")
    request = of_team(asked(planted_bundle), operator, tmp_path, monkeypatch)
    for _ in range(2):
        read_api.bundles(request)
    with pytest.raises(HTTPException) as refused:
        read_api.bundle(request)
    assert refused.value.status_code == 429
    assert 8 <= int((refused.value.headers or {})["Retry-After"]) <= 10


def test_rows_that_leave_the_server_are_recorded(
    planted_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    query = {"offset": 5, "limit": 10}
    request = asked(planted_bundle, query, table="latents")
    request = of_team(request, User("ann", "operator"), tmp_path, monkeypatch)
    with caplog.at_level(logging.INFO, "clearwater.audit"):
        read_api.table(request)
        read_api.notes(request)
    entries = audited(caplog)
    own = {"action": "export", "user": "ann", "bundle": planted_bundle.manifest.bundle_id}
    assert [entry | own for entry in entries] == entries
    assert [entry["what"] for entry in entries] == ["table latents, 10 rows from 5", "notes"]
