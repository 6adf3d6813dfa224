"""The note of a cluster in the build that it was written in, and in another one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.note import Place
from analysis.notes.note_content import note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import ClusterOrigin, Subject, cluster_subject
from pages.widgets import noted
from tests.pages.conftest import click, texts

CLUSTER = 3


def _app(path: str, cluster: int) -> None:
    import numpy as np  # noqa: PLC0415
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import LevelName, open_bundle  # noqa: PLC0415
    from pages.widgets.cluster_notes import cluster_notes  # noqa: PLC0415
    from pages.widgets.pickers import ChosenCluster  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    row = bundle.clusters.slice(cluster, 1).to_pylist()[0]
    rows = bundle.memberships
    members = np.zeros(bundle.latents.num_rows, dtype=bool)
    members[rows["latent"].to_numpy()[rows["cluster"].to_numpy() == cluster]] = True
    level = LevelName(row["space"], row["level"])
    cluster_notes(bundle, ChosenCluster(cluster, level, members, 0))


@pytest.fixture
def app(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    monkeypatch.setenv("LOGNAME", "ada")
    kwargs = {"path": str(planted_bundle.path), "cluster": CLUSTER}
    yield AppTest.from_function(_app, default_timeout=60, kwargs=kwargs).run()
    st.cache_resource.clear()


@pytest.fixture
def place(planted_bundle: Bundle, app: AppTest) -> Place:
    return noted.place_of(planted_bundle)


@pytest.fixture
def members(planted_bundle: Bundle) -> list[int]:
    rows = planted_bundle.memberships.to_pylist()
    return sorted(row["latent"] for row in rows if row["cluster"] == CLUSTER)


def store() -> NoteStore:
    return noted.note_store()


def earlier(bundle: Bundle, members: list[int]) -> Subject:
    space = bundle.clusters["space"][CLUSTER].as_py()
    return cluster_subject(members, ClusterOrigin("older", 7, space))


def test_a_note_on_a_cluster_is_one_on_its_members(
    app: AppTest, place: Place, members: list[int]
) -> None:
    click(app, "Note")
    app.text_input[0].set_value("a topic")
    click(app, "Save")
    (note,) = store().notes(place.sae)
    assert note.subject.members == tuple(members) and note.content.name == "a topic"
    assert note.subject.origin is not None
    assert (note.subject.origin.cluster, note.subject.origin.bundle) == (CLUSTER, place.bundle)
    assert "a topic" in texts(app.run()) and "was written for" not in texts(app)


def test_the_note_of_a_similar_cluster_is_here_and_says_how_well(
    app: AppTest, place: Place, planted_bundle: Bundle, members: list[int]
) -> None:
    subject = earlier(planted_bundle, members[1:])
    store().write(place, subject, note_content("its name"), 0, "bob")
    app.run()
    share = (len(members) - 1) / len(members)
    assert f"Jaccard index {share:.3g}"[:20] in texts(app) and "its name" in texts(app)
    assert "cluster 7 of bundle older" in texts(app)
    click(app, "Note")
    app.text_input[0].set_value("its new name")
    click(app, "Save")
    (note,) = store().notes(place.sae)
    assert (note.content.name, note.version, note.subject.key) == ("its new name", 2, subject.key)


def test_two_notes_that_claim_the_cluster_ask(
    app: AppTest, place: Place, planted_bundle: Bundle, members: list[int]
) -> None:
    for name, own in (("one", members[1:]), ("two", members[:-1])):
        store().write(place, earlier(planted_bundle, own), note_content(name), 0, "bob")
    app.run()
    assert "2 notes of earlier clusters fit this cluster" in app.warning[0].value
    kwargs = {"path": str(planted_bundle.path), "cluster": CLUSTER + 1}
    assert not AppTest.from_function(_app, default_timeout=60, kwargs=kwargs).run().warning
    click(app, f"Put it on cluster {CLUSTER}")
    assert "A reader put it here." in texts(app)
    # The other one still asks, until a reader decides for it too.
    click(app, "It belongs to no cluster here")
    assert not app.warning
    assert sorted(store().put_on(place).values(), key=str) == [CLUSTER, None]


def test_a_note_that_fits_no_cluster_is_not_lost(
    app: AppTest, place: Place, planted_bundle: Bundle
) -> None:
    store().write(place, earlier(planted_bundle, [5000, 5001]), note_content("lost"), 0, "bob")
    app.run()
    assert "1 notes of earlier clusters fit no cluster" in app.expander[0].label
    assert "No cluster of this bundle shares a member with it." in texts(app)
    click(app, f"Put it on cluster {CLUSTER}")
    assert "lost" in texts(app) and not app.expander


def test_a_note_that_shares_too_few_members_is_not_on_the_cluster(
    app: AppTest, place: Place, planted_bundle: Bundle, members: list[int]
) -> None:
    subject = earlier(planted_bundle, [members[0], *range(5000, 5000 + len(members))])
    store().write(place, subject, note_content("far"), 0, "bob")
    app.run()
    assert "1 notes of earlier clusters fit no cluster" in app.expander[0].label
    assert f"Most similar here: cluster {CLUSTER}" in texts(app)
    assert "was written for" not in texts(app)


def test_a_forgotten_author_of_a_lost_note_is_not_named_for_long(
    app: AppTest, place: Place, planted_bundle: Bundle, clock: Callable[[float], None]
) -> None:
    store().write(place, earlier(planted_bundle, [5000, 5001]), note_content("lost"), 0, "bob")
    assert "bob, 20" in texts(app.run())
    store().forget("bob")
    clock(noted.KEPT_SECONDS + 1)
    assert "former member, 20" in texts(app.run()) and "bob" not in texts(app)


def test_notes_of_another_database_are_others(
    app: AppTest,
    place: Place,
    planted_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = earlier(planted_bundle, [5000, 5001])
    store().write(place, subject, note_content("lost"), 0, "bob")
    assert "**lost**" in texts(app.run())
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'other.sqlite'}")
    store().write(noted.place_of(planted_bundle), subject, note_content("other"), 0, "bob")
    assert "**other**" in texts(app.run()) and "**lost**" not in texts(app)
