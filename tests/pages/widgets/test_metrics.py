"""A row of numbers."""

from streamlit.testing.v1 import AppTest


def script() -> None:
    from pages.widgets.metrics import metrics  # noqa: PLC0415

    metrics({"Density": ("1.2e-4 (0.012 %)", "Fraction of the tokens."), "Max": ("3", "Largest.")})


def test_each_number_has_its_name_and_meaning() -> None:
    app = AppTest.from_function(script).run()
    assert not app.exception
    assert [(one.label, one.value) for one in app.metric] == [
        ("Density", "1.2e-4 (0.012 %)"),
        ("Max", "3"),
    ]
    assert [one.help for one in app.metric] == ["Fraction of the tokens.", "Largest."]
