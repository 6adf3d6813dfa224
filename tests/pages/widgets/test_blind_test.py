"""The blind test on the Latent and Clusters pages, driven by its buttons."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.labels.blind_trials import ShownContext
from analysis.labels.reader_answers import FILE, FOLDER
from analysis.runtime import numbers
from pages.widgets import blind_test
from pages.widgets.blind_test import SECONDS, BlindTest
from tests.pages.conftest import Open, charts, click, texts


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path / FILE


def state(app: AppTest) -> BlindTest:
    test: BlindTest = app.session_state["blind test"]
    return test


def choose(app: AppTest, number: int, place: int) -> AppTest:
    return app.button(key=f"blind {number} {place}").click().run()


@pytest.mark.parametrize(("page", "subject"), [("latent", "latent 3"), ("clusters", "cluster 0")])
def test_the_test_hides_the_page_and_scores_the_answers(
    open_page: Open, planted_bundle: Bundle, answers: Path, page: str, subject: str
) -> None:
    app = click(open_page(page, latent=3, cluster=0), "Test yourself")
    assert not app.exception and not charts(app)
    assert [box.label for box in app.selectbox] == ["Bundle"]
    assert f"Four are of {subject}," in texts(app)
    keys = [app.button(key=f"blind 0 {place}").proto.shortcut for place in range(5)]
    assert keys == ["1", "2", "3", "4", "5"]
    trials = state(app).trials
    choose(app, 0, trials[0].foreign)
    choose(app, 1, (trials[1].foreign + 1) % 5)
    assert "2 answered" in texts(app)
    click(app, "Stop")
    you, words, stored, chance = (metric.value for metric in app.metric)
    table = planted_bundle.latents if page == "latent" else planted_bundle.clusters
    assert stored == numbers.percent(table["intruder"][int(subject.split()[1])].as_py())
    assert you == "1 of 2 (50\u00a0%)" and chance == "20\u00a0%"
    assert words.split(" ")[1:3] == ["of", "2"]
    badges = [line[line.index(" :") :] for line in texts(app).splitlines() if "-badge[" in line]
    both = [" :red-badge[foreign] :blue-badge[your choice]"]
    assert sorted(badges) == [" :blue-badge[your choice]", " :red-badge[foreign]", *both]
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [line["right"] for line in lines] == [True, False]
    assert [line["answer"] for line in lines] == [
        trials[0].foreign + 1,
        (trials[1].foreign + 1) % 5 + 1,
    ]
    assert {line["subject"] for line in lines} == {subject}
    assert {line["seed"] for line in lines} == {state(app).seed}
    click(app, f"Back to {subject}")
    assert charts(app)


def test_answers_after_the_end_and_second_clicks_do_not_count(
    open_page: Open, answers: Path
) -> None:
    app = click(open_page("latent", latent=3), "Test yourself")
    test = state(app)
    blind_test._answer(test, 0, 1)
    blind_test._answer(test, 0, 2)
    assert test.places == [1]
    test.started = time.monotonic() - SECONDS
    blind_test._answer(test, 1, 1)
    assert test.places == [1] and len(answers.read_text().splitlines()) == 1
    app.run()
    assert "Your test of latent 3" in texts(app)


def test_a_test_without_answers_has_no_score(open_page: Open) -> None:
    app = click(click(open_page("latent", latent=3), "Test yourself"), "Stop")
    assert "You answered no trial." in texts(app) and not app.metric


def test_a_test_goes_on_if_answers_cannot_be_stored(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    app = click(open_page("latent", latent=3), "Test yourself")
    choose(app, 0, 0)
    choose(app, 1, 0)
    assert len(app.warning) == 1 and "cannot be stored" in app.warning[0].value
    assert str(tmp_path) not in app.warning[0].value.replace("\\", "")
    assert "2 answered" in texts(app)


def test_a_latent_that_is_never_active_has_no_test(open_page: Open) -> None:
    app = click(open_page("latent", latent=190), "Test yourself")
    assert "There is no test of latent 190" in app.info[0].value
    assert "[latent 190]" in app.subheader[0].value


def test_another_page_is_not_hidden(open_page: Open) -> None:
    app = click(open_page("latent", latent=3), "Test yourself")
    state(app).bundle = "another"
    assert charts(app.run())
    state(app).bundle = app.query_params["bundle"]
    assert not charts(app.run())
    assert charts(app.switch_page("pages/clusters.py").run())


@pytest.mark.parametrize(
    ("context", "label"),
    [
        (ShownContext(" a b", " c", " d"), "… a b **c** d …"),
        (ShownContext(" un", "f", "air"), "… un\u2060**f**\u2060air …"),
        (ShownContext("*x*", " <b>", "\n"), "… \\*x\\* **\\<b\\>**\u2060↵ …"),
    ],
)
def test_the_text_of_a_context_is_shown_as_it_is(context: ShownContext, label: str) -> None:
    assert blind_test._words(context) == label


def test_a_test_ends_after_sixty_seconds() -> None:
    test = BlindTest("", "latent", 3, 0, trials=(SimpleNamespace(),))  # type: ignore[arg-type]
    test.started = time.monotonic() - 58
    assert not test.is_over
    test.started = time.monotonic() - 60
    assert test.is_over


def test_an_answer_is_stored_with_the_seconds_of_its_trial(
    answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(blind_test, "time", SimpleNamespace(monotonic=lambda: now))
    trials = tuple(SimpleNamespace(foreign=place) for place in (2, 0, 4))
    test = BlindTest("id", "cluster", 7, 11, trials=trials, started=now)  # type: ignore[arg-type]
    for number, seconds in enumerate((5.25, 3.0, 12.5)):
        now += seconds
        blind_test._answer(test, number, 2)
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [line["seconds"] for line in lines] == [5.25, 3.0, 12.5]
    assert [line["trial"] for line in lines] == [0, 1, 2]
    assert [line["right"] for line in lines] == [True, False, False]
    known = {(line["bundle"], line["subject"], line["seed"], line["answer"]) for line in lines}
    assert known == {("id", "cluster 7", 11, 3)}


def test_the_context_of_a_button_has_400_characters_on_both_sides() -> None:
    context = SimpleNamespace(before="a" + "b" * 400, token=" tie", after="c" * 400 + "d")
    words = blind_test._words(context)  # type: ignore[arg-type]
    assert words == f"… {'b' * 400} **tie**\u2060{'c' * 400} …"
