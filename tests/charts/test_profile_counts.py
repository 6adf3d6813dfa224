"""The latents of each value of the documents, against the rows of the profiles."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import SIGNIFICANT, CorpusCounts
from charts import profile_counts as module
from charts.core import cache
from charts.profile_counts import profile_counts
from tests.charts.drawn import drawn_rows
from tests.planted_profiles import planted_languages, with_profiles


@pytest.fixture(scope="module")
def profiled(planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    columns = {"language": planted_languages(planted_bundle)}
    return with_profiles(planted_bundle, tmp_path_factory.mktemp("counts"), columns)


def main_words(bundle: Bundle) -> dict[int, str]:
    """The significant value with most of a latent's active tokens, by latent."""
    words: dict[int, str] = {}
    assert bundle.latent_profiles is not None
    for latent in range(bundle.latents.num_rows):
        rows = [
            row
            for row in bundle.latent_profiles.of(latent).to_pylist()
            if row["column"] == "language" and row["q_value"] <= SIGNIFICANT
        ]
        if rows:
            words[latent] = str(max(rows, key=lambda row: row["active_tokens"])["value"])
    return words


def test_every_latent_counts_once_for_its_main_value(profiled: Bundle) -> None:
    words = main_words(profiled)
    counts = Counter(words.values())
    assert len(counts) >= 2
    figure = profile_counts(profiled, "language")
    assert {row["value"]: row["latents"] for row in figure.rows.to_pylist()} == counts
    assert figure.rows["latents"].to_pylist() == sorted(counts.values(), reverse=True)
    documents = Counter(planted_languages(profiled))
    for row in figure.rows.to_pylist():
        assert row["documents"] == documents[row["value"]]
        assert row["share"] == row["latents"] / 200 and row["selected"] == row["latents"]
    for row in figure.rows.to_pylist():
        assert row["by_documents"] == pytest.approx(len(words) * documents[row["value"]] / 60)
    assert f"for {200 - len(words)} latents there is none" in (figure.note or "")
    drawn = drawn_rows(figure, "text", "name")
    assert drawn[0]["text"].startswith(f"{counts.most_common(1)[0][1]}  (")


def test_selected_latents_are_counted_beside_all(profiled: Bundle) -> None:
    mask = np.arange(200) % 3 == 0
    words = main_words(profiled)
    counts = Counter(word for latent, word in words.items() if mask[latent])
    figure = profile_counts(profiled, "language", mask)
    for row in figure.rows.to_pylist():
        assert row["selected"] == counts[row["value"]]
    without = int(mask.sum()) - sum(counts.values())
    assert 0 < without < 200 - len(words)
    assert f"for {without} latents there is none" in (figure.note or "")
    parameters = figure.caption.parameters
    assert (parameters["latents"], parameters["without_value"]) == (int(mask.sum()), without)
    first = drawn_rows(figure, "text", "name")[0]
    assert first["text"].startswith(f"{first['selected']} of {first['latents']}  (")


def test_the_values_of_most_latents_are_drawn_and_the_others_counted(
    profiled: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = profile_counts(profiled, "language")
    assert "not drawn" not in (every.note or "")
    monkeypatch.setattr(module, "MOST_VALUES", 1)
    cache.clear()
    figure = profile_counts(profiled, "language")
    assert figure.rows.equals(every.rows.slice(0, 1))
    more = every.rows.num_rows - 1
    assert f" Not drawn: {more} more value{'' if more == 1 else 's'}." in (figure.note or "")
    assert figure.caption == every.caption


def test_the_tick_counts_the_documents_that_have_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six, two and four of twenty documents have a value; no latent fires most on the third."""
    counts = CorpusCounts(("a", "b", "c"), np.ones(3), np.array([6, 2, 4]))
    monkeypatch.setattr(module, "counts_of_values", lambda bundle: {"genre": counts})
    bundle = SimpleNamespace(documents=SimpleNamespace(num_rows=20))
    codes, chosen = np.array([1, 1, 2, 0, 1, 1, 0]), np.array([1, 0, 1, 1, 1, 0, 0], dtype=bool)
    rows = module._rows(bundle, "genre", codes, chosen, ("a", "b"))  # type: ignore[arg-type]
    assert rows["by_documents"].to_pylist() == pytest.approx([5 * 6 / 12, 5 * 2 / 12])
    assert rows["documents"].to_pylist() == [6, 2]
    assert (rows["latents"].to_pylist(), rows["selected"].to_pylist()) == ([4, 1], [2, 1])
    assert rows["share"].to_pylist() == pytest.approx([4 / 7, 1 / 7])
