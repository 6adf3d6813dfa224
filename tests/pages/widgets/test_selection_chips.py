"""Chips show the parts of the selection and remove them one by one."""

import pytest

from analysis.selection import parse
from pages.widgets.selection_chips import MOST_CHIPS, chip_text
from tests.pages.conftest import Open, texts


def _chips(app: object) -> list[str]:
    buttons = [b for b in app.button if str(b.key).startswith("chip ")]  # type: ignore[attr-defined]
    return [button.label.replace("\\", "") for button in buttons]


def test_every_part_is_a_chip_that_removes_it(open_page: Open) -> None:
    app = open_page("map", select='density>0.001 & (flag=live | flag=dead) & "a"')
    assert _chips(app) == ["density>0.001", "flag=live | flag=dead", '"a"']
    app.button(key="chip 1").click().run()
    assert app.query_params["select"] == 'density>0.001 & "a"'
    app.button(key="chip 1").click().run()
    app.button(key="chip 0").click().run()
    assert "select" not in app.query_params
    assert _chips(app) == []
    app.button(key="undo selection").click().run()
    assert _chips(app) == ["density>0.001"]


def test_alternatives_are_chips_joined_by_or(open_page: Open) -> None:
    app = open_page("map", select="latent=3 | latent=4")
    assert _chips(app) == ["latent=3", "latent=4"]
    assert ":small[or]" in texts(app)


def test_many_parts_are_counted(open_page: Open) -> None:
    app = open_page("map", select="|".join(f"latent={n}" for n in range(MOST_CHIPS + 3)))
    assert len(_chips(app)) == MOST_CHIPS
    assert ":small[or 3 more]" in texts(app)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("box(0,1,0,1)", "box on the map"),
        ("!box(0,1,0,1,cooccurrence)", "not box on the co-occurrence map"),
        ("lasso(0,0,1,0,1,1)", "lasso of 3 corners on the map"),
        ("!flag=dead", "!flag=dead"),
    ],
)
def test_shapes_are_named(text: str, shown: str) -> None:
    assert chip_text(parse(text)) == shown
