import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from vl_convert import vegalite_to_vega

from analysis.bundle import Bundle
from analysis.clusters.jaccard_components import Components
from analysis.cooccurrence.pair import read_pair
from analysis.runtime.errors import InputError
from charts import map as charts_map
from charts.cluster_bars import cluster_bars
from charts.cluster_contexts import cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.cluster_matrix import cluster_matrix
from charts.cluster_tree import cluster_tree, null_tree
from charts.component_plane import component_plane, component_shares
from charts.contexts import context_strips
from charts.core import picture
from charts.core.export import KINDS, ROWS_KINDS, Kind, export, filename
from charts.core.figure import CaptionedTable, Figure, caption_of
from charts.core.theme import inline, styled
from charts.density import density_histogram
from charts.document_profile import document_profile
from charts.health import active_latents_per_token, flag_counts, max_activation_vs_density
from charts.heatmap import cooccurrence_heatmap
from charts.jaccard_components import component_sizes, components_of
from charts.latent import (
    activation_histogram,
    latent_neighbours,
    latent_partners,
    logit_effects,
)
from charts.map import latent_map
from charts.network import group_network, neighbourhood
from charts.null_view import null_map, null_pairs
from charts.pair_activations import joint_activations
from charts.pair_contexts import pair_context_strips
from charts.pair_counts import pair_counts, pair_expected
from charts.pair_strength import pair_conditionals, pair_strengths
from charts.pairs import ranked_pairs
from charts.relations import relation_points
from charts.selection_bars import (
    cluster_overlap_bars,
    enriched_bars,
    inner_cluster_bars,
    partner_bars,
)
from tests.charts.conftest import HOSTILE
from tests.charts.test_selection_bars import CLUSTERS, INNER, PARTNERS, TERMS, WORDS

SOME = np.arange(0, 120, 3)


def every_figure(bundle: Bundle) -> list[Figure]:
    mask = np.arange(120) % 3 == 0
    pair = read_pair(bundle, 5, 13)
    return [
        density_histogram(bundle, mask),
        flag_counts(bundle),
        active_latents_per_token(bundle),
        max_activation_vs_density(bundle, mask),
        latent_map(bundle, selected=mask, highlight=33),
        cluster_bars(bundle, mask),
        ranked_pairs(bundle, SOME),
        cooccurrence_heatmap(bundle, SOME[:20]),
        activation_histogram(bundle, 20),
        latent_neighbours(bundle, 20),
        latent_partners(bundle, 20),
        logit_effects(bundle, 20),
        context_strips(bundle, 20),
        pair_counts(bundle, pair),
        pair_conditionals(bundle, pair),
        pair_expected(bundle, pair),
        pair_strengths(bundle, pair),
        joint_activations(bundle, pair),
        pair_context_strips(bundle, pair, "a"),
        relation_points(bundle, mask),
        component_sizes(bundle, components(bundle)),
        neighbourhood(bundle, 20),
        group_network(bundle, mask, "cluster 3"),
        cluster_tree(bundle, mask, 3),
        null_tree(bundle, "decoder"),
        null_map(bundle),
        null_pairs(bundle),
        cluster_evidence(bundle, 3),
        document_profile(bundle, "latent", 20, "language"),
        cluster_contexts(bundle, 3),
        cluster_matrix(bundle, None, chosen=3),
        component_plane(bundle, 3),
        component_shares(bundle, 3),
        enriched_bars(bundle, "terms", TERMS, "8 latents"),
        enriched_bars(bundle, "label_words", TERMS.drop_columns(["tokens"]), "8 latents"),
        partner_bars(bundle, PARTNERS, "8 latents"),
        cluster_overlap_bars(bundle, CLUSTERS, "8 latents"),
        inner_cluster_bars(bundle, INNER, WORDS, 5, "8 latents"),
    ]


@pytest.mark.parametrize(
    "draw",
    [
        density_histogram,
        max_activation_vs_density,
        cluster_bars,
        cluster_tree,
        relation_points,
        cooccurrence_heatmap,
        ranked_pairs,
        latent_map,
    ],
)
def test_a_figure_of_no_latent_is_drawn_or_refused_with_a_sentence(
    tiny: Bundle, draw: Callable[..., Figure]
) -> None:
    nothing = np.zeros(120, dtype=bool)
    is_list = draw in (cooccurrence_heatmap, ranked_pairs)
    try:
        figure = (
            latent_map(tiny, selected=nothing)
            if draw is latent_map
            else draw(tiny, np.flatnonzero(nothing) if is_list else nothing)
        )
    except InputError:
        return
    image = Image.open(io.BytesIO(export(figure, "png")))
    assert image.width > 100 and image.height > 40


OF_EVERY_STEP = 'WARN Dropping "fit-y" because spec has discrete height.\n'
"""Vega-Lite says so of each chart with a height for each row, although none asks for fit-y."""


def test_no_figure_makes_vega_lite_complain(
    tiny: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    complaints = {}
    for figure in every_figure(tiny):
        specification = figure.specification()
        vegalite_to_vega(specification, show_warnings=True)
        has_step = isinstance(specification["height"], dict)
        if (complaint := capfd.readouterr().err) != (OF_EVERY_STEP if has_step else ""):
            complaints[figure.name] = complaint
    assert complaints == {}


def components(bundle: Bundle) -> Components:
    return components_of(bundle)


def plain_figure(bundle: Bundle, texts: list[str]) -> Figure:
    rows = pa.table(
        {
            "text": pa.array(texts, pa.string()),
            "value": pa.array(np.linspace(-1, 1, len(texts)), pa.float32()),
            "many": pa.array([texts[:2]] * len(texts), pa.list_(pa.string())),
            "yes": pa.array([i % 2 == 0 for i in range(len(texts))]),
            "missing": pa.array([None if i % 3 else 0.5 for i in range(len(texts))], pa.float32()),
        }
    )
    chart = (
        alt.Chart(inline(rows.select(["text", "value"]))).mark_bar().encode(x="value:Q", y="text:N")
    )
    return Figure(
        name="plain",
        title="Text that <b>bites</b> & \u202eturns",
        chart=styled(chart, 400),
        rows=rows,
        caption=caption_of(bundle, unit="token", measure="phi"),
        note="A note with -->, ]]> and </script>.",
    )


@pytest.fixture(scope="module")
def strips(tiny: Bundle) -> Figure:
    return context_strips(tiny, 20)


def test_every_figure_has_rows_a_caption_and_named_selections(tiny: Bundle) -> None:
    names = set()
    for figure in every_figure(tiny):
        spec = figure.chart.to_dict()
        params = {param["name"] for param in spec.get("params", [])}
        assert set(figure.selections) <= params, figure.name
        assert figure.rows.num_rows > 0, figure.name
        assert tiny.manifest.bundle_id in figure.caption.text
        assert f"{tiny.manifest.tokens:,} kept tokens" in figure.caption.text
        assert tiny.manifest.active_rule in figure.caption.text
        assert figure.note and re.fullmatch(r"[a-z0-9-]+", figure.name)
        assert "view_" not in json.dumps(spec), (
            f"{figure.name}: an automatic name is not reproducible"
        )
        names.add(figure.name)
    assert len(names) == len(every_figure(tiny))


def test_the_same_figure_gives_the_same_specification(tiny: Bundle) -> None:
    for one, other in zip(every_figure(tiny), every_figure(tiny), strict=True):
        assert one.chart.to_dict() == other.chart.to_dict(), one.name


def test_png_contains_the_chart_and_its_caption(strips: Figure) -> None:
    data = export(strips, "png")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    picture = Image.open(io.BytesIO(data))
    assert picture.width == 2 * 760
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert 0.02 < (pixels != 255).any(1).mean() < 0.9
    assert (pixels[:, 0] > pixels[:, 2] + 100).any(), "no orange"
    assert picture.info["Title"] == strips.title
    assert picture.info["Description"] == strips.caption.text
    assert picture.info["Comment"] == strips.note


def test_svg_is_well_formed_and_draws_title_caption_and_tokens(strips: Figure) -> None:
    data = export(strips, "svg")
    root = ET.fromstring(data)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == strips.title  # type: ignore[union-attr]
    description = root.find(f"{space}desc").text or ""  # type: ignore[union-attr]
    assert strips.caption.text in description and (strips.note or "") in description
    drawn = " ".join(" ".join(root.itertext()).split())
    assert strips.title in drawn
    assert re.search(rf"N = {strips.caption.n_tokens:,} kept", drawn)
    assert "\u202e" not in data.decode()


def test_html_is_complete_and_works_offline(strips: Figure) -> None:
    page = export(strips, "html").decode()
    head, script = page.split("const spec = ")
    assert strips.caption.text.replace(">", "&gt;") in head
    markup = re.sub(r"(?s)(<script[^>]*>).*?(</script>)", r"\1\2", page)
    assert not re.search(r"(src|href)\s*=|https?://", markup)
    assert "default-src 'none'" in head
    spec, end = json.JSONDecoder().raw_decode(script)
    rows = max(spec["datasets"].values(), key=len)
    assert len(rows) == strips.rows.num_rows
    assert "<" not in script[:end]
    assert page.count("</script>") == 3


def test_parquet_equals_the_rows_and_contains_the_caption(tiny: Bundle) -> None:
    for figure in every_figure(tiny):
        table = pq.read_table(io.BytesIO(export(figure, "parquet")))
        assert table.replace_schema_metadata(None).equals(
            figure.rows.replace_schema_metadata(None)
        ), figure.name
        metadata = table.schema.metadata
        assert metadata[b"clearwater.caption"].decode() == figure.caption.text
        assert metadata[b"clearwater.title"].decode() == figure.title
        assert metadata[b"clearwater.bundle_id"].decode() == tiny.manifest.bundle_id


def test_csv_of_every_figure_reads_as_its_parquet(tiny: Bundle) -> None:
    for figure in every_figure(tiny):
        side = json.loads(export(figure, "csv-metadata"))
        read = pd.read_csv(io.BytesIO(export(figure, "csv")), **side["pandas"])
        assert list(read.columns) == figure.rows.column_names, figure.name
        for name in figure.rows.column_names:
            wanted = figure.rows[name].to_pylist()
            is_list = pa.types.is_nested(figure.rows[name].type)
            got = [json.loads(v) if is_list else None if pd.isna(v) else v for v in read[name]]
            assert got == wanted, (figure.name, name)
        assert side["dc:title"] == figure.title and side["dc:source"] == figure.caption.text


def test_a_table_exports_its_rows_and_has_no_picture(tiny: Bundle) -> None:
    table = CaptionedTable(
        name="some", title="Some", rows=pa.table({"a": [1]}), caption=caption_of(tiny, unit="token")
    )
    assert pq.read_table(io.BytesIO(export(table, "parquet"))).to_pydict() == {"a": [1]}
    assert export(table, "csv") == b'"a"\n1\n'
    for kind in sorted(set(KINDS) - set(ROWS_KINDS)):
        with pytest.raises(InputError, match=r"no kind .*; choose one of parquet, csv"):
            export(table, kind)


def test_hostile_text_is_drawn_as_text(tiny: Bundle) -> None:
    figure = plain_figure(tiny, [text for text in HOSTILE if "\0" not in text and len(text) < 99])
    root = ET.fromstring(export(figure, "svg"))
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    page = export(figure, "html").decode()
    assert page.count("</script>") == 3
    assert "<b>bites" not in page.split("const spec")[0].split("<body>")[1]


def test_exports_repeat_byte_for_byte(tiny: Bundle) -> None:
    for kind in KINDS:
        one, other = (export(flag_counts(tiny), kind) for _ in range(2))
        assert one == other, kind


def test_too_many_rows_are_refused_as_a_picture(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = plain_figure(tiny, ["one", "two", "three"])
    kinds: tuple[Kind, ...] = ("png", "svg", "html")
    monkeypatch.setattr(picture, "MOST_ROWS", 2)
    for kind in kinds:
        with pytest.raises(InputError, match="3 drawn rows are too many for a picture"):
            export(figure, kind)
    assert len(export(figure, "parquet")) > 1000


def test_unknown_kinds_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no kind 'pdf'"):
        export(flag_counts(tiny), "pdf")  # type: ignore[arg-type]


def test_filenames_contain_the_figure_and_the_bundle(tiny: Bundle) -> None:
    short = tiny.manifest.bundle_id[:8]
    assert filename(latent_map(tiny), "png") == f"map_tiny_{short}.png"
    chosen = latent_map(tiny).of_selection('flag=live & "New York"')
    assert filename(chosen, "csv") == f"map_of-flag-live-new-york_tiny_{short}.csv"
    assert filename(chosen, "csv-metadata").endswith(f"_{short}.csv-metadata.json")
    assert filename(chosen, "spreadsheet").endswith(f"_{short}.spreadsheet.csv")
    long = filename(latent_map(tiny).of_selection("=/.." + "x" * 500), "svg")
    assert len(long) < 100 and "/" not in long


def test_a_raster_map_is_exported_as_displayed(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts_map, "MOST_POINTS", 10)
    data = export(latent_map(tiny), "png")
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    lower = pixels[len(pixels) // 4 :].reshape(-1, 3)
    assert (np.ptp(lower, axis=1) > 60).sum() > 500, "the image layer was not drawn"
