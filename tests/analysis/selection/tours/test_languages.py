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
from analysis.runtime.errors import InputError
from analysis.selection.tours.languages import (
    _strongest,
    agreement_of,
    translations,
    untranslated,
)
from tests.charts.conftest import with_tables

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
        assert result.counts == tuple(counts[name] for name in result.languages)


def titled(bundle: Bundle, titles: list[str]) -> Bundle:
    """The bundle with these titles of its first documents; the others have no language."""
    documents = bundle.documents
    every = titles + ["Other"] * (documents.num_rows - len(titles))
    place = documents.schema.get_field_index("title")
    field = documents.schema.field("title")
    return with_tables(bundle, documents=documents.set_column(place, field, pa.array(every)))


def test_passages_that_lack_a_language_are_left_out(planted_bundle: Bundle) -> None:
    titles = [f"A ({name})" for name in ("fr", "cs", "de", "en")]
    titles += ["B (cs)", "B (de)", "B (en)", "C (xx)", "C (yy)"]
    titles += [f"D ({name})" for name in LANGUAGES]
    known = translations(titled(planted_bundle, titles))
    assert known.languages == LANGUAGES
    assert known.documents.tolist() == [[1, 2, 3, 0], [9, 10, 11, 12]]
    three = translations(titled(planted_bundle, titles[4:7]))
    assert (three.languages, three.documents.tolist()) == (("cs", "de", "en"), [[0, 1, 2]])
    for few in (titles[7:9], [*titles[4:7], "A (cs)", "A (fr)", "A (de)"]):
        with pytest.raises(InputError, match="no passages in 3 languages"):
            translations(titled(planted_bundle, few))


def test_a_language_is_added_if_it_agrees_with_each_of_the_strongest_three() -> None:
    """Language d agrees with a, b and c as they agree with each other; e does not with c."""
    pattern = np.arange(20) < 6
    fires = np.zeros((20, 5, 5), dtype=bool)
    for one, other in itertools.permutations(range(5), 2):
        fires[:, one, other] = pattern & ({one, other} != {2, 4})
    result = _strongest(fires, "abcde")
    assert result.languages == ("a", "b", "c", "d")
    table = [[6, 0], [0, 14]]
    assert result.p == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    assert (result.counts, result.passages, result.triples) == ((6, 6, 6, 6), 20, 10)
