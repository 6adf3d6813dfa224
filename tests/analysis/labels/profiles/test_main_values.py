"""Profiles as they are read, against the rows of the tables."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import (
    SIGNIFICANT,
    Profiles,
    counts_of_values,
    profile_columns,
    profile_of,
    read_profiles,
)
from tests.planted_profiles import planted_languages, with_profiles

GENRES = ["letters", "", "code"] * 20


@pytest.fixture(scope="module")
def profiled(planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    columns = {"language": planted_languages(planted_bundle), "genre": GENRES}
    return with_profiles(planted_bundle, tmp_path_factory.mktemp("profiled"), columns)


def test_columns_come_in_their_order(profiled: Bundle, planted_bundle: Bundle) -> None:
    assert profile_columns(profiled) == ["language", "genre"]
    assert profile_columns(planted_bundle) == []


@pytest.mark.parametrize("column", ["language", "genre"])
def test_shares_of_a_latent_are_those_of_its_tokens(profiled: Bundle, column: str) -> None:
    words = {"language": planted_languages(profiled), "genre": GENRES}[column]
    tokens, _ = profiled.activations.of_latent(4)
    documents = profiled.tokens["document"].to_numpy()[tokens]
    counts = Counter(words[d] for d in documents.tolist() if words[d])
    rows = profile_of(profiled, "latent", 4, column).to_pylist()
    assert {row["value"]: row["active_tokens"] for row in rows} == counts
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    known = [word for word in words if word]
    for row in rows:
        assert row["all_documents"] == words.count(row["value"])
        assert row["of_corpus"] == pytest.approx(words.count(row["value"]) / len(known))
        assert row["lift"] == pytest.approx(row["documents"] / row["expected"])


def test_the_share_of_the_corpus_is_one_of_tokens_where_documents_are_long_and_short(
    profiled: Bundle,
) -> None:
    documents = profiled.documents
    lengths = np.arange(1, documents.num_rows + 1) ** 2
    place = documents.column_names.index("tokens")
    other = replace(profiled)
    kind = documents["tokens"].type
    vars(other)["documents"] = documents.set_column(place, "tokens", pa.array(lengths, kind))
    words = planted_languages(profiled)
    rows = profile_of(other, "latent", 4, "language").to_pylist()
    assert rows
    for row in rows:
        own = sum(
            n for n, word in zip(lengths.tolist(), words, strict=True) if word == row["value"]
        )
        assert row["of_corpus"] == pytest.approx(own / lengths.sum())


def test_documents_without_a_kept_token_do_not_count(profiled: Bundle) -> None:
    """Every fourth document is masked as a whole; a genre also leaves documents without one."""
    documents = profiled.documents
    lengths = np.where(np.arange(60) % 4 == 0, 0, documents["tokens"].to_numpy())
    place = documents.column_names.index("tokens")
    other = replace(profiled)
    kind = documents["tokens"].type
    vars(other)["documents"] = documents.set_column(place, "tokens", pa.array(lengths, kind))
    for column, words in (("language", planted_languages(profiled)), ("genre", GENRES)):
        with_tokens = [word for i, word in enumerate(words) if i % 4 and word]
        counts = counts_of_values(other)[column]
        assert dict(zip(counts.values, counts.documents.tolist(), strict=True)) == Counter(
            with_tokens
        )
        assert counts.tokens.sum() == sum(n for n, word in zip(lengths, words, strict=True) if word)
        for row in profile_of(other, "latent", 4, column).to_pylist():
            assert row["all_documents"] == with_tokens.count(row["value"])


def test_a_cluster_has_the_tokens_of_its_members(profiled: Bundle) -> None:
    members = profiled.memberships.to_pandas().query("cluster == 1")["latent"]
    own = [profile_of(profiled, "latent", latent, "language") for latent in members]
    total: Counter[str] = Counter()
    for rows in own:
        total.update(
            dict(zip(rows["value"].to_pylist(), rows["active_tokens"].to_pylist(), strict=True))
        )
    rows = profile_of(profiled, "cluster", 1, "language").to_pylist()
    assert {row["value"]: row["active_tokens"] for row in rows} == total


def test_a_bundle_without_the_column_has_no_rows(profiled: Bundle, planted_bundle: Bundle) -> None:
    assert profile_of(profiled, "latent", 4, "class").num_rows == 0
    assert profile_of(planted_bundle, "latent", 4, "language").num_rows == 0
    assert profile_of(planted_bundle, "cluster", 1, "language").num_rows == 0


def _table(bundle: Bundle) -> list[dict[str, Any]]:
    assert bundle.latent_profiles is not None
    return bundle.latent_profiles.all().to_pylist()


def test_the_main_value_is_the_significant_one_with_the_largest_share(profiled: Bundle) -> None:
    known = read_profiles(profiled)
    for column in ("language", "genre"):
        main = known.main(column, 200)
        for latent in range(200):
            rows = [r for r in _table_of(profiled, latent) if r["column"] == column]
            sure = [r for r in rows if r["q_value"] <= SIGNIFICANT]
            best = max(sure, key=lambda r: r["active_tokens"], default=None)
            wanted = best and best["value"]
            assert (known.values[main[latent]] if main[latent] >= 0 else None) == wanted
    assert (known.main("language", 200) >= 0).sum() > 5
    assert (known.main("class", 200) == -1).all()


def _table_of(bundle: Bundle, latent: int) -> list[dict[str, Any]]:
    assert bundle.latent_profiles is not None
    return bundle.latent_profiles.of(latent).to_pylist()


def test_latents_with_a_value_have_the_share_and_the_evidence(profiled: Bundle) -> None:
    known = read_profiles(profiled)
    total = Counter[tuple[int, str]]()
    for r in _table(profiled):
        total[r["latent"], r["column"]] += r["active_tokens"]
    wanted = {
        r["latent"]
        for r in _table(profiled)
        if (r["column"], r["value"]) == ("language", "fr")
        and r["q_value"] <= SIGNIFICANT
        and r["active_tokens"] >= 0.5 * total[r["latent"], "language"]
    }
    latents = set(known.with_value("language", "fr", 0.5).tolist())
    assert latents == wanted and latents
    assert known.with_value("language", "xx", 0).tolist() == []
    assert not known.with_main("language", "xx", 200).any()
    every = [known.with_main("language", value, 200) for value in ("en", "fr", "de")]
    assert np.array_equal(np.sum(every, axis=0) > 0, known.main("language", 200) >= 0)


def test_of_equal_shares_the_first_value_is_the_main_one_and_a_share_reaches_itself() -> None:
    """Three latents: two equal shares; a larger one that may be chance; another column."""
    known = Profiles(
        columns=("genre", "language"),
        values=("de", "en", "fr"),
        latent=np.array([0, 0, 1, 1, 2, 2]),
        column=np.array([1, 1, 1, 1, 0, 1]),
        value=np.array([2, 0, 1, 2, 0, 0]),
        share=np.array([0.5, 0.5, 0.75, 0.25, 1.0, 1.0], dtype=np.float32),
        significant=np.array([True, True, False, True, True, False]),
    )
    assert known.main("language", 4).tolist() == [2, 2, -1, -1]
    assert known.main("genre", 4).tolist() == [-1, -1, 0, -1]
    assert known.with_main("language", "fr", 4).tolist() == [True, True, False, False]
    for least, latents in ((0.25, [0, 1]), (0.26, [0]), (0.5, [0]), (0.51, [])):
        assert known.with_value("language", "fr", least).tolist() == latents
    assert known.with_value("language", "en", 0.0).tolist() == []
