"""What the list under the search field shows."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.selection.search import Hit, Hits, search
from charts import search_lines as module
from charts.cluster_level import level_words
from charts.core.text import shown_token
from charts.search_lines import MOST, NEVER_ACTIVE, TOKENS, search_lines
from tests.charts.conftest import with_tables


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path_factory.getbasetemp() / "search lines"))


def test_every_kind_has_its_lines_in_order(planted_bundle: Bundle) -> None:
    hits, lines = search(planted_bundle, "Monday"), search_lines(planted_bundle, "Monday")
    kinds = [line.kind for line in lines]
    assert kinds == sorted(kinds, key=["latent", "cluster", "token", "document", "context"].index)
    latents = [line.item for line in lines if line.kind == "latent"]
    assert latents == [hit.item for hit in hits.latents][: MOST["latent"]]
    assert kinds.count("document") == MOST["document"] < len(hits.documents)
    cluster = next(line for line in lines if line.kind == "cluster")
    stored = planted_bundle.clusters.to_pylist()[cluster.item]
    assert cluster.more == level_words(LevelName(stored["space"], stored["level"]))
    assert cluster.note == f"{stored['size']} latents"
    (token,) = (line for line in lines if line.kind == "token")
    times = sum(t == " Monday" for t in planted_bundle.tokens["token"].cast("string").to_pylist())
    assert (token.name, token.note, token.select) == ("\u00a0Monday", f"{times} times", '"Monday"')


def test_a_latent_is_named_by_its_label_or_its_top_tokens(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = int(planted_bundle.latents["active_tokens"].to_pylist().index(0))
    rows = planted_bundle.latents
    labels = rows["label"].to_pylist()
    labels[3] = ""
    changed = rows.set_column(rows.column_names.index("label"), "label", pa.array(labels))
    bundle = with_tables(planted_bundle, latents=changed)
    some = tuple(Hit("latent", i, "", size=0.00012) for i in (2, 3, dead))
    result = Hits(latents=some, contexts=(Hit("context", 3, "a\nb"),))
    monkeypatch.setattr(module, "search", lambda *_: result)
    labelled, unlabelled, silent, context = search_lines(bundle, "x")
    tokens = " ".join(shown_token(token) for token in rows["top_tokens"][3].as_py()[:TOKENS])
    assert labelled.name == labels[2] and labelled.more
    assert (unlabelled.name, unlabelled.more) == (tokens, "")
    assert silent.name == NEVER_ACTIVE
    assert labelled.note == "density 1.2e-4 · latent 2"
    assert (context.name, context.more, context.note) == ("a↵b", tokens, "latent 3")


def test_a_latent_that_fires_but_has_no_name_is_not_called_inactive(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that fires only in documents that are held out from the names."""
    rows = planted_bundle.latents
    for name, empty in (("label", ""), ("top_tokens", [])):
        values = rows[name].to_pylist()
        values[3] = empty
        column = pa.array(values, rows.schema.field(name).type)
        rows = rows.set_column(rows.column_names.index(name), name, column)
    assert rows["active_tokens"][3].as_py() > 0
    result = Hits(latents=(Hit("latent", 3, "", size=0.00012),))
    monkeypatch.setattr(module, "search", lambda *_: result)
    (line,) = search_lines(with_tables(planted_bundle, latents=rows), "x")
    assert (line.name, line.more) == ("no label", "")


def test_a_value_is_named_with_its_language_and_column(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = (
        Hit("value", 0, "fr", (), 1050, "profile(language,fr)", "language"),
        Hit("value", 0, "fr", (), 1, "profile(region,fr)", "region"),
    )
    monkeypatch.setattr(module, "search", lambda *_: Hits(values=values))
    language, region = search_lines(planted_bundle, "fr")
    assert (language.name, language.note) == ("fr (French)", "1,050 documents")
    assert language.more == "latents that fire most on this language"
    assert (region.name, region.select) == ("fr", "profile(region,fr)")


def test_so_many_hits_of_each_kind_are_listed_and_only_documents_that_select(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [Hit("document", i, f"d{i}", (), 1_200, "latent=1" * (i > 1)) for i in range(9)]
    hits = Hits(
        latents=tuple(Hit("latent", i, "", size=0.5) for i in range(9)),
        clusters=tuple(Hit("cluster", i, f"c{i}", size=3) for i in range(6)),
        values=tuple(Hit("value", 0, f"v{i}", (), 2, "profile(a,b)", "genre") for i in range(9)),
        tokens=tuple(Hit("token", 0, f"t{i}", (), 3, f'"t{i}"') for i in range(9)),
        documents=tuple(documents),
        contexts=tuple(Hit("context", i, f"x{i}") for i in range(9)),
    )
    monkeypatch.setattr(module, "search", lambda *_: hits)
    lines = search_lines(planted_bundle, "x")
    kinds = ["latent"] * 6 + ["cluster"] * 4 + ["value"] * 3 + ["token"] * 3
    assert [line.kind for line in lines] == [*kinds, *["document"] * 3, *["context"] * 4]
    assert [line.item for line in lines if line.kind == "document"] == [2, 3, 4]
    assert next(line.note for line in lines if line.kind == "document") == "1,200 tokens"
    top = planted_bundle.latents["top_tokens"][1].as_py()
    assert len(top) > 4 and lines[1].more == " ".join(shown_token(token) for token in top[:4])
