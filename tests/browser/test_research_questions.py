"""Ten questions of a researcher, each answered from the Overview in five clicks or one search.

What the screen or a file answers is compared with the stored activations and the SAE's weights.
"""

import io
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from analysis.bundle import Bundle
from analysis.cooccurrence.significance import tests_of_pair as questions_about
from analysis.labels.split import held_out_documents
from analysis.runtime import numbers
from tests.browser import research_questions as questions
from tests.browser.conftest import OpenPage, settle
from tests.browser.reader import Reader, table_rows
from tests.conftest import DEMO_BUNDLE, ROOT

pytestmark = pytest.mark.browser

WEIGHTS = ROOT / "data/sae/smollm2-135m-blocks.8.hook_resid_post/sae_weights.safetensors"
ARTICLES = {"der", "die", "das", "den", "dem", "des"}


@pytest.fixture
def reader(open_page: OpenPage, bundle: Bundle) -> Reader:
    """A new session, on the Overview."""
    if bundle.path != DEMO_BUNDLE:
        pytest.skip("the questions are about the demo")
    return Reader(open_page(""))


def opened_latent(page: Page) -> int:
    """The latent of the Latent page."""
    heading = page.get_by_role("heading", name=re.compile(r" latent \d+$")).inner_text()
    return int(heading.rsplit(" ", 1)[1])


def active_rows(bundle: Bundle, latent: int) -> set[int]:
    """The rows of the token table on which a latent is active."""
    return set(bundle.activations.of_latent(latent)[0].tolist())


def share_by_token(bundle: Bundle, latent: int) -> pd.Series:
    """The share of the activation of a latent on each token, largest first."""
    rows, values = bundle.activations.of_latent(latent)
    tokens = bundle.tokens["token"].take(rows).cast("string").to_pylist()
    sums = pd.Series(values.astype(float), index=tokens).groupby(level=0).sum()
    return (sums / sums.sum()).sort_values(ascending=False)


def documents_in(bundle: Bundle, language: str) -> list[int]:
    """The documents in a language."""
    rows = bundle.document_values.to_pandas()
    rows = rows[(rows["column"] == "language") & (rows["value"] == language)]
    return [int(document) for document in rows["document"]]


def test_the_dead_and_the_dense_and_a_figure_of_all_densities(
    reader: Reader, bundle: Bundle
) -> None:
    page = reader.page
    latents, _ = bundle.activations.latents_of_tokens(0, bundle.tokens.num_rows)
    active = np.bincount(latents, minlength=bundle.latents.num_rows)
    kept = pc.sum(bundle.tokens["kept"]).as_py()
    expected = {
        "Dead": (active == 0).sum(),
        "Dense": (active > 0.1 * kept).sum(),
        "Kept tokens": kept,
    }
    for name, count in expected.items():
        cell = page.get_by_test_id("stMetric").filter(has_text=re.compile(rf"^{name}"))
        expect(cell.get_by_test_id("stMetricValue")).to_have_text(f"{count:,}")
    assert reader.clicks == reader.searches == 0, questions.DEAD_AND_DENSE

    card = page.locator("[class*=st-key-card-density-histogram]")
    reader.click(card.get_by_role("button", name="Export"))
    picture = reader.save(page.get_by_role("button", name="Picture, PNG", exact=True))
    rows = pd.read_csv(reader.save(page.get_by_role("button", name="Rows, CSV", exact=True)))
    image = Image.open(io.BytesIO(picture.read_bytes()))
    assert image.width > 600 and len(image.convert("RGB").getcolors(2**24) or []) > 20
    density = active / kept
    assert rows["latents"][0] == (density == 0).sum()
    edges = [*rows["density_from"][1:], rows["density_to"].iloc[-1]]
    for row, (low, high) in enumerate(pairwise(edges), start=1):
        inside = ((density >= low * (1 - 1e-9)) & (density < high * (1 - 1e-9))).sum()
        assert rows["latents"][row] == inside
    assert rows["latents"].sum() == len(density)
    assert reader.is_quick, questions.PAPER_FIGURE


def test_a_latent_on_def_its_tokens_its_neighbours_and_a_document(
    reader: Reader, bundle: Bundle
) -> None:
    page = reader.page
    reader.search("def", "Latents", lambda hit: hit.startswith("def"))
    reader.wait_for_page("latent")
    latent = opened_latent(page)
    shares = share_by_token(bundle, latent)
    shown = table_rows(page, "token", "of its activation")
    assert shown[0]["token"] == "␣def" and float(shown[0]["of its activation"]) > 0.5
    assert len(shown) >= 5
    for row, (token, share) in zip(shown, shares.items(), strict=False):
        assert row["token"] == re.sub("^ ", "␣", str(token))
        assert float(row["of its activation"]) == pytest.approx(share, abs=1e-6)
    assert reader.is_quick, questions.PYTHON_DEFINITIONS

    decoder = load_file(WEIGHTS)["W_dec"].astype(np.float64)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    cosines = decoder @ decoder[latent]
    nearest = [i for i in np.argsort(-cosines).tolist() if i != latent]
    own = active_rows(bundle, latent)
    neighbours = table_rows(page, "cosine", "phi", "joint tokens")
    assert len(neighbours) >= 5
    for row, neighbour in zip(neighbours, nearest, strict=False):
        assert int(row["name"].rsplit(" ", 1)[1]) == neighbour
        assert float(row["cosine"]) == pytest.approx(cosines[neighbour], abs=2e-3)
        joint = len(own & active_rows(bundle, neighbour))
        assert row["joint tokens"] == str(joint) or (row["phi"] == row["joint tokens"] == "")
    assert reader.is_quick, questions.DECODER_NEIGHBOURS

    contexts = page.locator("[class*=st-key-card-latent-][class*=-contexts-] .vega-embed svg")
    reader.click(contexts.locator(".mark-text text[aria-label*='token: ']").first)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Activation along the document")).to_be_visible()
    settle(page)
    document = int(re.search(r"passage=(\d+)", page.url)[1])  # type: ignore[index]
    marks = dialog.locator("[aria-label*='; token: ']").evaluate_all(
        "marks => marks.map(mark => mark.getAttribute('aria-label'))"
    )
    fired = {
        int(re.search(r"position: (\d+)", mark)[1])  # type: ignore[index]
        for mark in marks
        if "activation: 0;" not in mark
    }
    positions = bundle.tokens["position"].to_numpy()
    of_row = bundle.tokens["document"].to_numpy()
    assert fired == {int(positions[row]) for row in own if of_row[row] == document}
    assert reader.is_quick, questions.PLACES_IN_A_DOCUMENT


def test_a_latent_on_german_articles_and_its_partner(reader: Reader, bundle: Bundle) -> None:
    page = reader.page

    def names_articles(hit: str) -> bool:
        return len(ARTICLES & set(re.findall(r"\w+", hit.partition("\n")[0]))) >= 2

    reader.search("der die das", "Latents", names_articles)
    reader.wait_for_page("latent")
    latent = opened_latent(page)
    strongest = [str(token).strip() for token in share_by_token(bundle, latent).index[:3]]
    shown = table_rows(page, "token", "of its activation")
    assert [row["token"].strip("␣") for row in shown[:3]] == strongest
    assert len(ARTICLES & set(strongest)) >= 2
    rows = active_rows(bundle, latent)
    german = set(documents_in(bundle, "de"))
    of_row = bundle.tokens["document"].to_numpy()
    share = sum(int(of_row[row]) in german for row in rows) / len(rows)
    profile = page.locator("[data-testid=stVegaLiteChart][aria-label*=', by language']")
    expect(profile.get_by_text(f"{numbers.percent(share)}, ")).to_be_visible()
    assert reader.is_quick, questions.GERMAN_ARTICLES

    reader.click(page.get_by_role("link", name="Pair"))
    reader.wait_for_page("pair")
    partner = int(re.search(r"partner=(\d+)", page.url)[1])  # type: ignore[index]
    joint = len(rows & active_rows(bundle, partner))
    within = page.get_by_role("row").filter(has_text="Do they share tokens, beyond")
    expect(within).to_contain_text("inside each document")
    test = questions_about(bundle, latent, partner)[-1]
    expect(within).to_contain_text(f"{joint:,} kept tokens on which both fire")
    expect(within).to_contain_text(f"{numbers.short(test.expected)} ± ")
    expect(within).to_contain_text(numbers.probability(test.p_more))
    assert joint > 2 * test.expected
    expect(within).to_contain_text("more than by chance (p < 0.001)")
    assert reader.is_quick, questions.TOGETHER_IN_DOCUMENTS


def test_latents_that_tell_french_from_german(reader: Reader, bundle: Bundle) -> None:
    page = reader.page
    reader.click(page.get_by_text("Find latents by example"))
    reader.write("First set", "language=fr")
    reader.write("Second set", "language=de")
    reader.click(page.get_by_role("button", name="Find latents"))
    expect(page.get_by_text("Latents more active in language=fr than in")).to_be_visible()
    settle(page)
    shown = table_rows(page, "AUC", "p", "AUC before")
    of_row = bundle.tokens["document"].to_numpy()
    ids = bundle.documents["document"].to_numpy()
    held_out = ids[held_out_documents(ids, bundle.manifest.parameters.seed)]
    french, german = (
        sorted(set(held_out.tolist()) & set(documents_in(bundle, language)))
        for language in ("fr", "de")
    )
    assert len(shown) >= 5
    for row in shown[:5]:
        tokens, values = bundle.activations.of_latent(int(row["latent"]))
        largest = pd.Series(values).groupby(of_row[tokens]).max()
        scores = [largest.get(document, 0.0) for document in (*french, *german)]
        auc = roc_auc_score([1] * len(french) + [0] * len(german), scores)
        assert float(row["AUC"]) == pytest.approx(auc, abs=1e-3)
        assert float(row["p"]) <= 0.05
    aucs = [float(row["AUC"]) for row in shown]
    assert aucs == sorted(aucs, reverse=True) and aucs[0] > 0.9
    assert reader.is_quick, questions.TWO_LANGUAGES


def test_clusters_that_hold_up_and_the_largest(reader: Reader, bundle: Bundle) -> None:
    page = reader.page
    reader.click(page.get_by_role("link", name="Clusters"))
    reader.wait_for_page("clusters")
    level = bundle.manifest.first_level()
    assert level is not None
    rows = bundle.clusters.to_pandas()
    rows = rows[(rows["space"] == level.space) & (rows["level"] == level.level)]
    better = (rows["stability"] > rows["stability_null"]) & (
        rows["bootstrap"] > rows["bootstrap_null"]
    )
    holds = rows[better & (rows["stability"] >= 0.5) & (rows["bootstrap"] >= 0.5)]
    heading = f"Clusters of this level · {len(rows):,} · {len(holds):,} reproducible"
    expect(page.get_by_text(heading)).to_be_visible()
    shown = table_rows(page, "verdict", "name fits")
    largest = next(row for row in shown if row["verdict"].startswith("reproducible"))
    expected = holds.sort_values(["size", "cluster"], ascending=[False, True]).iloc[0]
    assert (largest["name"], largest["latents"]) == (expected["label"], str(expected["size"]))
    assert reader.is_quick, questions.CLUSTERS_BEYOND_CHANCE


def test_a_pair_of_duplicates(reader: Reader, bundle: Bundle) -> None:
    page = reader.page
    reader.click(page.get_by_role("link", name="Co-occurrence"))
    reader.wait_for_page("cooccurrence")
    reader.click(page.get_by_role("radio", name="Relations"))
    reader.click(page.get_by_role("combobox", name="Relation", exact=True))
    reader.click(page.get_by_role("option", name=re.compile("^duplicate")))
    page.wait_for_function("/relation=duplicate/.test(location.search)")
    settle(page)
    shown = table_rows(page, "relation", "P(b given a)", "P(a given b)")
    assert shown
    for row in shown:
        a, b = (active_rows(bundle, int(row[end])) for end in ("a", "b"))
        assert row["relation"] == "duplicate" and int(row["joint"]) == len(a & b)
        assert float(row["P(b given a)"]) == pytest.approx(len(a & b) / len(a), abs=1e-6)
        assert float(row["P(a given b)"]) == pytest.approx(len(a & b) / len(b), abs=1e-6)
        assert len(a & b) > 0.9 * max(len(a), len(b))
    assert reader.is_quick, questions.DUPLICATES
