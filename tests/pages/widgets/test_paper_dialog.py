"""The dialog of a figure for a paper opens once for the figure that was asked for."""

from tests.pages.conftest import Open, texts


def test_the_dialog_opens_for_the_figure_and_offers_its_files(open_page: Open) -> None:
    app = open_page("overview")
    assert not [one for one in app.get("download_button") if "paper file" in vars(one)["proto"].id]
    app = app.button(key="paper flag-counts").click().run()
    files = [vars(one)["proto"] for one in app.get("download_button")]
    named = [file for file in files if "paper file" in file.id]
    assert [file.label for file in named] == ["Save as PNG", "Save as SVG"]
    assert not app.error, "the preview was drawn"
    assert "84 mm wide, text of 8 points" in texts(app)
    app = app.run()
    assert not [one for one in app.get("download_button") if "paper file" in vars(one)["proto"].id]


def test_every_figure_offers_it(open_page: Open) -> None:
    labels = [button.label for button in open_page("overview").button]
    assert labels.count("Paper") == 4
