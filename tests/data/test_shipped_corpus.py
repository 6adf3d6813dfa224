"""The shipped corpus is what its README says."""

import re
from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest

from data.recipes.demo_corpus import DOCUMENTS, LANGUAGES, SHIPPED, groups

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    documents: Rows = pq.read_table(SHIPPED).to_pylist()
    return documents


def test_every_language_and_genre_has_a_hundred_documents(rows: Rows) -> None:
    assert len(rows) >= 1_500
    assert len({row["text"] for row in rows}) == len(rows)
    assert all(row["title"] and row["text"].strip() for row in rows)
    for column in ("language", "genre"):
        counts = Counter(row[column] for row in rows)
        assert min(counts.values()) >= 100, counts
    assert {row["language"] for row in rows} >= set(LANGUAGES)


def test_the_story_is_told_in_eight_languages(rows: Rows) -> None:
    passages = defaultdict(set)
    for row in rows:
        if row["source"] == "wesnoth":
            title = re.fullmatch(r"(.*) \((\w+)\)", row["title"])
            assert title and title[2] == row["language"]
            passages[title[1]].add(row["language"])
    assert len(passages) == DOCUMENTS
    assert all(languages == set(LANGUAGES) for languages in passages.values())


def test_every_text_may_be_redistributed(rows: Rows) -> None:
    allowed = {(s.slug, s.licence) for group in groups() for s in group}
    own = {(row["source"], row["licence"]) for row in rows if row["source"] != "wesnoth"}
    assert own == allowed
    readme = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{row['source']}`" in readme for row in rows)
    for link in re.findall(r"\(licences/([^)]+)\)", readme):
        assert (SHIPPED.parent / "licences" / link).stat().st_size > 500


def test_the_table_counts_the_documents(rows: Rows) -> None:
    table = (SHIPPED.with_suffix(".md")).read_text(encoding="utf-8")
    stated = sum(
        int(line.split("|")[5].replace(",", ""))
        for line in table.splitlines()[2:]
        if not line.startswith("| all")
    )
    assert stated == len(rows)
    assert f"| all | | | | {len(rows):,} |" in table
