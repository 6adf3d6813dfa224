"""The demo corpus of many genres: how documents are cut, and the readers of its new sources."""

import bz2
from collections.abc import Sequence
from pathlib import Path

import pytest

from data.recipes import demo_corpus
from data.recipes.demo_corpus import (
    GenreSource,
    aligned,
    groups,
    is_trained,
    openings,
    sentence_hashes,
    taken,
)
from data.recipes.texts import encyclopaedia, games
from data.recipes.texts.documents import Section
from data.recipes.texts.encyclopaedia import (
    article_paragraphs,
    articles,
    plain_wikitext,
    table_rows,
)
from data.recipes.texts.mathematics import described, prose
from data.recipes.texts.passages import pieces
from data.recipes.texts.tables import PageTables


def words(texts: Sequence[str]) -> list[int]:
    """One token for each word."""
    return [len(text.split()) for text in texts]


def sentence(first: str, length: int) -> str:
    return " ".join([f"Word{first}", *(f"of{first}x{i}" for i in range(length - 1))]) + "."


def documents(paragraphs: list[str], trained: frozenset[int] = frozenset()) -> list[str]:
    return [text for text, _ in openings(pieces(paragraphs, words, 30), words, trained)]


def test_a_document_begins_with_a_paragraph_and_ends_when_it_is_long_enough() -> None:
    long = " ".join(sentence(f"a{i}", 25) for i in range(8))  # 200 words
    paragraphs = [long, sentence("b", 100), sentence("c", 40), sentence("d", 100)]
    first, second = documents(paragraphs)
    assert first == " ".join(sentence(f"a{i}", 25) for i in range(6))  # 150 words, whole sentences
    assert second == "\n\n".join(paragraphs[1:3])  # what is left of the first paragraph is skipped


def test_what_was_trained_on_is_left_out() -> None:
    known = sentence("b", 30)
    trained = frozenset(sentence_hashes(f"Before it. {known} After it."))
    assert is_trained(f"Something else.\n{known}", trained)
    assert not is_trained(known.replace("of", "in"), trained)
    others = [sentence(f"x{i}", 30) for i in range(5)]
    assert len(documents(others)) == 1
    assert documents([*others[:2], known, *others[2:]], trained) == []


def test_a_source_gives_so_many_documents_and_few_of_one_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_corpus, "MOST_OF_A_SECTION", 2)
    sections = [Section(f"S{k}", [sentence(f"s{k}p{i}", 28) for i in range(30)]) for k in range(4)]
    source = GenreSource("s", "letters", "en", "public domain", lambda cache: sections)
    kept = taken(source, tmp_path, words, frozenset(), 7, seed=0)
    assert len(kept) == 7
    titles = [p.title for p in kept]
    assert sorted(titles) == sorted(set(titles))
    assert all(128 <= p.tokens <= 250 and p.genre == "letters" for p in kept)
    assert kept == taken(source, tmp_path, words, frozenset(), 7, seed=0)
    assert [p.title for p in taken(source, tmp_path, words, frozenset(), 7, seed=1)] != titles


def test_translations_begin_with_the_same_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = [sentence(f"m{i}", 40) for i in range(6)]
    catalogue = {"d": {text: text.replace("Word", "Mot") + " " + text for text in english}}
    monkeypatch.setattr(games, "CAMPAIGNS", ("only",))
    monkeypatch.setattr(demo_corpus, "fetch", lambda *_: tmp_path)
    monkeypatch.setattr(games, "wesnoth_catalogues", lambda *_: catalogue)
    messages = tuple(("d", text) for text in english)
    monkeypatch.setattr(games, "wesnoth_scenarios", lambda _: (("north", messages),))
    kept = aligned(tmp_path, words, frozenset(), 5, seed=0)
    assert [p.language for p in kept] == list(demo_corpus.LANGUAGES)
    assert kept[0].text == "\n\n".join(english[:4])
    assert kept[1].text.startswith("Motm0 ")
    assert kept[1].tokens <= 200  # a longer translation ends earlier
    assert all(p.title.startswith("Wesnoth: north, passage 1 (") for p in kept)


def test_every_group_has_all_its_documents() -> None:
    for group in groups():
        assert sum(source.share for source in group) == pytest.approx(1)
        assert len({(source.genre, source.language) for source in group}) == 1


WIKITEXT = """{{Infobox|a={{nested|x}}|b=2}}
'''Albedo''' is the [[x|diffuse reflectivity]] of a surface<ref>[[Book]].</ref> from black to white.
<!-- not shown -->

[[File:x.png|thumb|A [[picture]] of it]]
* a list

{| class="wikitable"
|-
! Surface !! Albedo
|-
| style="x"| [[Snow]] || 0.8
|-
| Sea || 0.06
|-
| alone
|}

== See also ==
A text of more than sixty characters that is a list of other works, which is left out here.
"""


def test_an_article_is_its_running_text() -> None:
    (only,) = article_paragraphs(WIKITEXT)
    assert only == "Albedo is the diffuse reflectivity of a surface from black to white."
    assert plain_wikitext("see [http://x.org this ''page''] ( ).") == "see this page."


def test_a_table_is_lines_of_its_rows() -> None:
    table = WIKITEXT[WIKITEXT.index("{|") + 2 : WIKITEXT.index("|}")]
    assert table_rows(table) == ["| Surface | Albedo |", "| Snow | 0.8 |", "| Sea | 0.06 |"]


def test_redirections_and_talk_are_no_articles(tmp_path: Path) -> None:
    page = '<page><title>{}</title><ns>{}</ns><text bytes="1">{}</text></page>'
    pages = [page.format("A &amp; B", 0, "x &lt; y"), page.format("C", 0, "#REDIRECT [[A]]"),
             page.format("Talk:A", 1, "x")]  # fmt: skip
    dump = tmp_path / "dump.bz2"
    dump.write_bytes(bz2.compress("".join(pages).encode()))
    assert list(articles(dump)) == [("A & B", "x < y")]
    assert encyclopaedia.PACKAGE.startswith("pip:")


def test_mathematics_is_read_without_examples() -> None:
    source = (
        'gamma = r"""\nComputes :math:`\\Gamma(x)`, see :func:`~mpmath.loggamma`.\n\n'
        '**Examples**::\n\n    >>> gamma(3)\n    2.0\n\nIt is ``inf`` at 0.\n"""\n'
        'def f():\n    "A function."\n'
    )
    ((name, text), (other, short)) = sorted(described(source), reverse=True)
    assert (name, other, short) == ("gamma", "f", "A function.")
    assert prose(text) == [
        "Computes \\(\\Gamma(x)\\), see mpmath.loggamma.",
        "**Examples**:",
        "It is `inf` at 0.",
    ]


def test_tables_of_a_page_have_the_heading_before_them() -> None:
    page = PageTables()
    page.feed(
        "<h2>Sizes</h2><p>text</p><table><tr><th>Name</th><th>Bytes</th></tr>"
        "<tr><td>one\n word</td><td><code>4</code></td></tr></table>"
    )
    assert page.tables == [("Sizes", [["Name", "Bytes"], ["one word", "4"]])]
