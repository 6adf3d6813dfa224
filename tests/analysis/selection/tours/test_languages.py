"""A latent that fires on the same passages in several languages, planted and at random."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis.bundle import Bundle, publish
from analysis.selection.tours.languages import agreement_of, translations, untranslated

LANGUAGES = ("cs", "de", "en", "fr")


@pytest.fixture(scope="module")
def translated(planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The planted bundle with documents named as 14 passages in four languages."""
    work = Path(shutil.copytree(planted_bundle.path, tmp_path_factory.mktemp("titles") / "work"))
    (work / "manifest.json").unlink()
    documents = pq.read_table(work / "documents.parquet")
    titles = [f"Passage {i // 4} ({LANGUAGES[i % 4]})" for i in range(documents.num_rows)]
    titles[-4:] = [f"Soup {i} (spicy)" for i in range(4)]
    place = documents.schema.get_field_index("title")
    documents = documents.set_column(place, documents.schema.field("title"), pa.array(titles))
    pq.write_table(documents, work / "documents.parquet")
    return publish(work, planted_bundle.manifest, work.parent / "translated")


def test_tokens_that_a_translation_shares_do_not_count() -> None:
    texts = [["The", " Sun", " 12", " Konrad"], [" die", " sun", "12", " konrad!"], [" le", "…"]]
    assert untranslated(texts) == [
        [True, False, False, True],
        [True, False, False, True],
        [True, False],
    ]
    assert untranslated([["a", "a"], ["b"]]) == [[True, True], [True]]  # its own repetition counts


def test_passages_are_the_titles_without_their_language(translated: Bundle) -> None:
    known = translations(translated)
    assert known.languages == LANGUAGES
    assert known.documents.tolist() == np.arange(56).reshape(14, 4).tolist()
    tokens = translated.tokens.to_pandas()
    tokens["token"] = tokens["token"].astype(str).str.strip().str.casefold()
    for document, language in ((0, 1), (0, 3), (1, 0), (55, 2)):
        rows = np.flatnonzero(tokens["document"] == document)
        others = set(tokens[tokens["document"] == 4 * (document // 4) + language]["token"])
        for row in rows[:50]:
            token = tokens["token"].iloc[row]
            assert known.counted[row, language] == (token not in others and token.isalpha())


def test_the_three_strongest_languages_and_those_that_agree_with_them(translated: Bundle) -> None:
    known = translations(translated)
    for latent in (0, 40, 165, 198):
        rows = translated.activations.of_latent(latent)[0]
        document = translated.tokens["document"].to_numpy()
        beside = [set(document[rows[known.counted[rows, k]]].tolist()) for k in range(4)]
        fires = np.array(
            [[[4 * i + j in beside[k] for k in range(4)] for j in range(4)] for i in range(14)]
        )
        result = agreement_of(translated, latent)
        largest = []
        for triple in itertools.combinations(range(4), 3):
            p = []
            for a, b in itertools.combinations(triple, 2):
                one, two = fires[:, a, b], fires[:, b, a]
                table = [
                    [(one & two).sum(), (one & ~two).sum()],
                    [(~one & two).sum(), (~one & ~two).sum()],
                ]
                p.append(stats.fisher_exact(table, alternative="greater").pvalue)
            largest.append(max(p))
        assert result.p == pytest.approx(min(largest))
        assert result.passages == 14 and result.triples == 4
        counts = {name: int(fires[:, i].any(axis=1).sum()) for i, name in enumerate(LANGUAGES)}
        assert result.counts == ", ".join(str(counts[name]) for name in result.languages)
