"""What the routes of the map send."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from analysis.bundle import Bundle, LevelName
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from charts import map_columns
from charts.map_columns import colouring
from charts.map_points import map_points
from charts.note_colours import digest_of, notes_text
from charts.packed_colours import packed
from pages.server import map_data
from pages.widgets import noted
from tests.pages.server.conftest import asked, body

pytestmark = pytest.mark.usefixtures("offered")


def test_positions_are_x_and_then_y(planted_bundle: Bundle) -> None:
    sent = body(map_data.positions(asked(planted_bundle, map="decoder")))
    steps = np.frombuffer(sent, "<u2").reshape(2, -1)
    assert (steps == map_points(planted_bundle, "decoder").steps).all()


def test_an_unknown_map_is_refused(planted_bundle: Bundle) -> None:
    with pytest.raises(HTTPException):
        map_data.positions(asked(planted_bundle, map="elsewhere"))


def test_a_column_is_that_of_the_level_and_the_latent(planted_bundle: Bundle) -> None:
    level = planted_bundle.manifest.clustering[-1].name
    query = {"space": level.space, "level": level.level}
    sent = body(map_data.column(asked(planted_bundle, query, name="cluster")))
    assert sent == packed(colouring(planted_bundle, "cluster", level))
    partners = {"latent": 3, "measure": "jaccard"}
    sent = body(map_data.column(asked(planted_bundle, partners, name="association")))
    assert sent == packed(colouring(planted_bundle, "association", latent=3, measure="jaccard"))


def test_colours_are_compressed_for_a_browser_that_can_unpack_them(planted_bundle: Bundle) -> None:
    level = planted_bundle.manifest.clustering[-1].name
    query = {"space": level.space, "level": level.level}
    request = asked(planted_bundle, query, name="cluster")
    plain = map_data.column(request)
    assert plain.headers["content-encoding"] == "identity"
    request = asked(planted_bundle, query, name="cluster")
    request.scope["headers"] = [(b"accept-encoding", b"gzip, br")]
    small = map_data.column(request)
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(body(small)) == body(plain)
    assert len(body(small)) < len(body(plain)) / 2
    places = asked(planted_bundle, map="decoder")
    places.scope["headers"] = [(b"accept-encoding", b"gzip")]
    assert map_data.positions(places).headers["content-encoding"] == "identity"


def test_a_column_is_that_of_the_typed_text_and_of_the_profile(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"own_text": "3:0.5,8:1"}
    sent = body(map_data.column(asked(planted_bundle, query, name="own_text")))
    assert sent == packed(colouring(planted_bundle, "own_text", text="3:0.5,8:1"))
    assert sent != packed(colouring(planted_bundle, "own_text", text="3:1"))
    given: list[object] = []
    real = colouring

    def noticed(bundle: Bundle, name: str, *view: object) -> object:
        given.append(view[4])
        return real(bundle, "density")

    monkeypatch.setattr(map_columns, "colouring", noticed)
    map_data.column(asked(planted_bundle, {"profile": "source"}, name="profile"))
    map_data.column(asked(planted_bundle, name="profile"))
    assert given == ["source", ""]


def test_notes_are_kept_only_under_the_address_of_what_they_are(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    store, place = noted.note_store(), noted.place_of(planted_bundle)
    store.write(place, latent_subject(3), note_content(status="checked", text="t"), 0, "ada")
    text = notes_text("note_status", noted.noted_of(planted_bundle))
    assert text == "checked=3"
    named = {"notes": digest_of(text)}
    sent = body(map_data.column(asked(planted_bundle, named, name="note_status")))
    assert sent == packed(colouring(planted_bundle, "note_status", text=text))
    store.write(place, latent_subject(8), note_content(text="t"), 0, "ada")
    answer = map_data.column(asked(planted_bundle, named, name="note_status"))
    text = "open=8;checked=3"
    assert bytes(answer.body) == packed(colouring(planted_bundle, "note_status", text=text))
    assert answer.headers["cache-control"] == "no-store"


def test_the_association_follows_a_range_of_activation(planted_bundle: Bundle) -> None:
    query = {"latent": 8, "measure": "phi", "regime": "2.5,1e9"}
    sent = body(map_data.column(asked(planted_bundle, query, name="association")))
    colours = colouring(planted_bundle, "association", latent=8, regime=(2.5, 1e9))
    assert sent == packed(colours)
    assert sent != packed(colouring(planted_bundle, "association", latent=8))
    assert colours.title.startswith("phi with latent 8 at activation 2.5 to ")


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "nan,1", "1,inf"])
def test_a_range_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(HTTPException):
        map_data.regime_of_request(text)
    assert map_data.regime_of_request("0,2.5") == (0.0, 2.5)


def test_an_unknown_column_has_a_sentence(planted_bundle: Bundle) -> None:
    answer = map_data.column(asked(planted_bundle, name="colour-of-my-socks"))
    assert answer.status_code == 400 and bytes(answer.body).endswith(b".")
    assert "cache-control" not in answer.headers
    answer = map_data.column(asked(planted_bundle, name="x" * 5000))
    assert len(bytes(answer.body).decode()) == map_data.LONGEST_SENTENCE


@pytest.mark.parametrize(
    "query",
    [
        {"space": "outer", "level": "0"},
        {"space": "decoder", "level": "-1"},
        {"space": "decoder", "level": "9" * 5000},
        {"space": "decoder"},
    ],
)
def test_a_level_is_a_space_and_a_number(query: dict[str, str]) -> None:
    with pytest.raises(HTTPException):
        map_data.level_of_request(query)


def test_a_request_without_a_level_or_a_latent_has_none() -> None:
    assert map_data.level_of_request({}) is None
    assert map_data.level_of_request({"space": "decoder", "level": "2"}) == LevelName("decoder", 2)
    assert map_data.latent_of_request(None) is None
    assert map_data.latent_of_request("12") == 12
    assert map_data.latent_of_request(str(2**31 - 1)) == 2**31 - 1
    for text in ("-1", "1e3", "", "٣", str(2**31), "9" * 5000):
        with pytest.raises(HTTPException):
            map_data.latent_of_request(text)


def test_a_failure_is_logged_and_has_a_sentence(
    planted_bundle: Bundle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(bundle: Bundle, request: object) -> str:
        raise KeyError(f"a secret of {bundle.path}")

    monkeypatch.setattr(map_data, "map_of_request", fail)
    answer = map_data.positions(asked(planted_bundle, map="decoder"))
    sentence = bytes(answer.body).decode()
    assert answer.status_code == 500 and "secret" not in sentence
    assert sentence.startswith("Something went wrong while sending a part of the map (error ")
    (logged,) = [record for record in caplog.records if record.name == "clearwater"]
    assert logged.exc_info and "secret" in str(logged.exc_info[1])
    assert sentence.split("(error ")[1].split(")")[0] in logged.getMessage()
    caplog.clear()


def test_ids_are_those_of_int32() -> None:
    largest = str(2**31 - 1)
    assert map_data.latent_of_request(largest) == 2**31 - 1
    level = map_data.level_of_request({"space": "decoder", "level": largest})
    assert level == LevelName("decoder", 2**31 - 1)
    with pytest.raises(HTTPException) as refused:
        map_data.level_of_request({"space": "decoder", "level": str(2**31)})
    assert refused.value.status_code == 400


def test_partners_are_by_phi_unless_the_request_names_another_measure(
    planted_bundle: Bundle,
) -> None:
    sent = body(map_data.column(asked(planted_bundle, {"latent": 3}, name="association")))
    assert sent == packed(colouring(planted_bundle, "association", latent=3, measure="phi"))


def test_a_map_that_the_bundle_lacks_is_not_found(planted_bundle: Bundle) -> None:
    with pytest.raises(HTTPException) as refused:
        map_data.positions(asked(planted_bundle, map="elsewhere"))
    assert refused.value.status_code == 404
