"""Figures for a paper: their size, their text, what is drawn, and that they can be made again."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.core.paper import MILLIMETRES, Paper, paper_figure, paper_specification
from charts.core.theme import DARK_PAPER, NARROW
from charts.health import flag_counts
from charts.latent import latent_partners
from charts.reproduction import reproduce


@pytest.mark.parametrize(
    ("columns", "size", "pixels"), [("1", 8, 357), ("1.5", 8, 549), ("2", 12, 493), ("2", 6, 986)]
)
def test_the_layout_has_the_width_at_which_text_has_its_size(
    tiny: Bundle, columns: Any, size: float, pixels: int
) -> None:
    paper = Paper(columns, size)
    assert paper.pixels == pixels
    assert pixels * size / 12 * 25.4 / 72 == pytest.approx(MILLIMETRES[paper.columns], abs=0.2)
    spec = paper_specification(latent_partners(tiny, 20), paper)
    assert spec["width"] == pixels
    is_narrow = NARROW not in json.dumps(spec)
    assert is_narrow == (pixels < 430)


@pytest.mark.parametrize("scale", [1, 3])
def test_a_png_has_the_pixels_and_the_size_of_the_paper(tiny: Bundle, scale: int) -> None:
    data = paper_figure(flag_counts(tiny), "png", Paper("1", 8, scale=scale))
    picture = Image.open(io.BytesIO(data))
    inches = picture.width / picture.info["dpi"][0]
    assert inches * 25.4 == pytest.approx(84, abs=0.5)
    assert picture.width == pytest.approx(84 / 25.4 * 72 * scale, abs=2)


def test_an_svg_has_the_size_of_the_paper(tiny: Bundle) -> None:
    text = paper_figure(flag_counts(tiny), "svg", Paper("2", 9)).decode()
    width = re.search(r'width="([\d.]+)pt"', text)
    assert width and float(width[1]) / 72 * 25.4 == pytest.approx(174, abs=0.3)
    assert 'viewBox="0 0 658 ' in text


def test_title_and_caption_are_drawn_if_chosen(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    plain = paper_specification(figure, Paper())
    assert "text" not in json.dumps(plain.get("title", {}))
    titled = paper_specification(figure, Paper(title=True))["title"]
    assert " ".join(titled["text"]) == figure.title and titled["subtitle"] == []
    both = paper_specification(figure, Paper(title=True, caption=True))["title"]
    assert figure.caption.text in " ".join(both["subtitle"])
    assert max(map(len, both["subtitle"])) <= 128 * 357 // 760
    only = paper_specification(figure, Paper(caption=True))["title"]
    assert only["text"] == "" and only["subtitle"] == both["subtitle"]


def test_the_background_is_light_dark_or_transparent(tiny: Bundle) -> None:
    def corner(background: Any) -> tuple[int, ...]:
        data = paper_figure(flag_counts(tiny), "png", Paper(background=background, scale=1))
        pixel = Image.open(io.BytesIO(data)).convert("RGBA").getpixel((1, 1))
        assert isinstance(pixel, tuple)
        return pixel

    dark = tuple(int(DARK_PAPER[i : i + 2], 16) for i in (1, 3, 5))
    assert corner("light") == (255, 255, 255, 255)
    assert corner("dark") == (*dark, 255)
    assert corner("transparent")[3] == 0


@pytest.mark.parametrize(
    "values",
    [{"columns": "3"}, {"font_size": 4.9}, {"font_size": 14.1}, {"scale": 5}, {"background": "x"}],
)
def test_values_that_are_not_offered_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Paper: choose"):
        Paper(**values)


def test_a_figure_for_a_paper_can_be_made_again(tiny: Bundle, tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        file = tmp_path / f"a.{kind}"
        file.write_bytes(paper_figure(flag_counts(tiny), kind, Paper(background="dark", scale=1)))
        assert reproduce(file, tiny.path).difference == ""
