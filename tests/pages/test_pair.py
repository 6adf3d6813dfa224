"""The Pair page: counts, tests and its own threshold and window."""

from tests.pages.conftest import Open, click, texts
from tests.planted import Planted


def test_the_pair_page_shows_counts_answers_and_the_relation(
    open_page: Open, planted: Planted
) -> None:
    a, b = planted.duplicates[0]
    app = open_page("pair", latent=a, partner=b)
    assert not app.exception and not app.error
    text = texts(app)
    assert "Do they share documents?" in text and "more than by chance" in text
    assert "Listed as **duplicate**, q = " in text
    independent = open_page("pair", latent=160, partner=161)
    assert "The pair is not listed in any relation." in texts(independent)


def test_swap_threshold_and_window_are_kept_in_the_address(open_page: Open) -> None:
    app = open_page("pair", latent=8, partner=1)
    click(app, "Swap")
    assert (app.query_params["latent"], app.query_params["partner"]) == ("1", "8")
    next(f for f in app.number_input if f.label == "Active above").set_value(1.5).run()
    next(f for f in app.number_input if f.label.startswith("Window")).set_value(32).run()
    assert app.query_params["threshold"] == "1.5" and app.query_params["window"] == "32"
    assert not app.exception
    assert "A window is 32 consecutive kept tokens" in texts(app)
    assert "The tests use the threshold of the bundle" in texts(app)


def test_a_pair_with_a_dead_latent_is_shown(open_page: Open) -> None:
    app = open_page("pair", latent=190, partner=3)
    assert not app.exception and not app.error
