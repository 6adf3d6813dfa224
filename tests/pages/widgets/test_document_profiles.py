"""The profile by document on the pages of latents and clusters, and on the map."""

from pathlib import Path

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.profile_counts import profile_counts
from pages.widgets.export_menu import SHOWN
from tests.pages.conftest import Open, act_in_chart, map_data, texts
from tests.planted_profiles import with_profiles

LANGUAGES = ["en", "fr"] * 30
GENRES = ["letters", "code", "poems"] * 20


@pytest.fixture(scope="module")
def profiled(planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    columns = {"language": LANGUAGES, "genre": GENRES}
    return with_profiles(planted_bundle, tmp_path_factory.mktemp("profiled"), columns)


@pytest.fixture
def open_profiled(open_page: Open, profiled: Bundle, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(Path(profiled.path).parent))
    return open_page


def test_a_latent_is_described_by_the_column_of_the_view(open_profiled: Open) -> None:
    app = open_profiled("latent", latent=8)
    assert "Where latent 8 fires, by language" in texts(app)
    picker = app.selectbox(key="pick profile")
    assert picker.options == ["language", "genre"]
    picker.set_value("genre").run()
    assert app.query_params["profile"] == "genre"
    assert "Where latent 8 fires, by genre" in texts(app)
    app.selectbox(key="pick profile").set_value("").run()
    assert "profile" not in app.query_params


def test_a_cluster_is_described_too(open_profiled: Open) -> None:
    app = open_profiled("clusters", cluster=1, profile="genre")
    assert "Where cluster 1 fires, by genre" in texts(app)


def test_the_map_is_coloured_by_the_main_value(open_profiled: Open) -> None:
    app = open_profiled("map", colour="profile", profile="genre")
    assert map_data(app)["colour"]["url"].endswith("/column/profile?profile=genre")
    assert app.selectbox(key="pick profile").value == "genre"


def test_bundles_without_profiles_show_none(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    assert "Where latent" not in texts(app)
    assert not [one for one in app.selectbox if one.key == "pick profile"]


def test_the_overview_counts_latents_by_each_column_and_a_click_selects_them(
    open_profiled: Open, profiled: Bundle
) -> None:
    app = open_profiled()
    assert "What latents fire on, by language" in texts(app)
    assert "What latents fire on, by genre" in texts(app)
    some = open_profiled(select="latent<60")
    (shown,) = [one for one in some.session_state[SHOWN] if one.name == "latents-by-genre"]
    mask = np.arange(profiled.latents.num_rows) < 60
    assert repr(shown.call) == repr(profile_counts(profiled, "genre", mask).call)
    assert repr(shown.call) != repr(profile_counts(profiled, "genre").call)
    act_in_chart(app, "latents-by-genre", picked_value=[{"column": "genre", "value": "code"}])
    assert app.query_params["select"] == "profile(genre,code)"
