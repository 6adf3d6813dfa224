"""The class by which the browser finds a field; that it gets the focus: `browser/test_notes.py`."""

import pytest

from pages.widgets.focused_field import class_of


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("note name 3 latent 12", "st-key-note-name-3-latent-12"),
        (" a_b-C.é ", "st-key-a_b-C--"),
    ],
)
def test_the_class_of_a_key(key: str, name: str) -> None:
    assert class_of(key) == name
