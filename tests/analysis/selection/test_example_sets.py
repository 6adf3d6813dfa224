"""Sets of documents and windows, against plain loops over the tokens."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, KeptTokens
from analysis.bundle.positions import Unit
from analysis.runtime.errors import InputError
from analysis.selection.example_sets import examples_of, units_of_documents
from tests.charts.conftest import with_tables
from tests.planted_profiles import planted_languages, with_profiles

UNITS: tuple[Unit, ...] = ("document", "window")


def _with(bundle: Bundle, word: str, unit: Unit) -> set[int]:
    kept = bundle.kept_tokens
    tokens = bundle.tokens["token"].cast("string").to_pylist()
    rows = [row for row, token in enumerate(tokens) if word in token.lower()]
    return {int(kept.units_of(np.array([row]), unit)[0]) for row in rows}


@pytest.mark.parametrize("unit", UNITS)
def test_a_text_gives_the_units_that_contain_it(planted_bundle: Bundle, unit: Unit) -> None:
    for text in ("whale", " WHALE ", '"whale"'):
        mask = examples_of(planted_bundle, text, unit)
        assert set(np.flatnonzero(mask).tolist()) == _with(planted_bundle, "whale", unit)
        assert 0 < mask.sum() < len(mask) == planted_bundle.kept_tokens.n_units(unit)


def test_a_text_on_masked_tokens_is_in_the_window_of_the_next_kept_one_of_its_document(
    planted_bundle: Bundle,
) -> None:
    tokens = planted_bundle.tokens["token"].cast("string").to_pylist()
    document = planted_bundle.tokens["document"].to_numpy()
    rows = [row for row, token in enumerate(tokens) if "whale" in token.lower()]
    mask = np.ones(len(tokens), dtype=bool)
    mask[rows] = False
    for row in rows[::5]:  # after these, nothing of the document is kept
        mask[row:][document[row:] == document[row]] = False
    kept = KeptTokens.of(document, mask)
    wanted, without = set(), 0
    for row in rows:
        later = np.flatnonzero(mask[row:] & (document[row:] == document[row]))
        without += len(later) == 0
        wanted |= {int(kept.units_of(row + later[:1], "window")[0])} if len(later) else set()
    assert without > 2 and len(wanted) > 2
    masked = with_tables(planted_bundle, kept_tokens=kept)
    assert set(np.flatnonzero(examples_of(masked, "whale", "window")).tolist()) == wanted


@pytest.mark.parametrize("unit", UNITS)
def test_ids_and_sources_give_the_units_of_their_documents(
    planted_bundle: Bundle, unit: Unit
) -> None:
    documents = units_of_documents(planted_bundle, unit)
    assert (np.diff(documents) >= 0).all()
    assert np.bincount(documents).tolist() == [1 if unit == "document" else 2] * 60
    mask = examples_of(planted_bundle, "document=2, 40..42,59", unit)
    assert sorted(set(documents[mask].tolist())) == [2, 40, 41, 42, 59]
    assert mask.sum() == np.isin(documents, [2, 40, 41, 42, 59]).sum()
    table = planted_bundle.documents
    sources = pa.array(["a b" if i % 3 else "c" for i in range(60)])
    named = with_tables(
        planted_bundle,
        documents=table.set_column(table.column_names.index("source"), "source", sources),
    )
    mask = examples_of(named, 'source = "a b"', unit)
    assert set(documents[mask].tolist()) == {i for i in range(60) if i % 3}
    with pytest.raises(InputError, match="the corpus has a b, c"):
        examples_of(named, "source=d", unit)


def test_windows_are_those_of_the_documents_with_kept_tokens(planted_bundle: Bundle) -> None:
    """Masked tokens after a last full window, and a document without kept tokens, add none."""
    kept = [[True] * 256 + [False] * 9, [False] * 5, [False] * 3 + [True] * 257, [True], [False]]
    document = np.repeat([3, 4, 7, 8, 9], [len(one) for one in kept])
    masked = with_tables(planted_bundle, kept_tokens=KeptTokens.of(document, np.concatenate(kept)))
    windows = [place for place, one in enumerate(kept) for _ in range(0, sum(one), 256)]
    assert units_of_documents(masked, "window").tolist() == windows == [0, 2, 2, 3]


@pytest.mark.parametrize("unit", UNITS)
def test_a_value_of_a_column_gives_the_units_of_its_documents(
    planted_bundle: Bundle, unit: Unit, tmp_path: Path
) -> None:
    languages = planted_languages(planted_bundle)
    bundle = with_profiles(planted_bundle, tmp_path, {"language": languages})
    documents = units_of_documents(bundle, unit)
    for text, language in (("language=fr", "fr"), (' language = "de" ', "de")):
        mask = examples_of(bundle, text, unit)
        having = {i for i, one in enumerate(languages) if one == language}
        assert set(documents[mask].tolist()) == having
        assert mask.sum() == sum(document in having for document in documents.tolist())
    with pytest.raises(InputError, match=r"no document has the language 'xx'.*has de, en, fr"):
        examples_of(bundle, "language=xx", unit)
    # There is no column of this name, so this is a text, which no document contains.
    assert not examples_of(bundle, "genre=fr", unit).any()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the text is empty"),
        ('""', "the text is empty"),
        ("source=wikipedia", "no document has one"),
        ("document=x", "has no ids"),
        ("document=3,60..70", "no document 60..70"),
    ],
)
def test_what_names_nothing_is_explained(planted_bundle: Bundle, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        examples_of(planted_bundle, text, "document")
