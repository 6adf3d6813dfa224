"""Texts are decoded, and only those that are too long are cut."""

import pyarrow as pa

from analysis.bundle.cut_texts import MARK, cut_texts
from analysis.bundle.ranges import LONGEST_TEXT, LONGEST_TOKEN
from analysis.bundle.schema import TABLES

LONG, FITS = "é" * (LONGEST_TOKEN + 1), "é" * LONGEST_TOKEN
CUT = "é" * (LONGEST_TOKEN - 1) + MARK


def encoded(values: list[str]) -> pa.Array:
    return pa.array(values).dictionary_encode()


def test_long_tokens_are_cut_with_a_mark() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), encoded([LONG, "a", FITS]))
    table = cut_texts("latents", pa.table({"top_tokens": lists}))
    assert table["top_tokens"].to_pylist() == [[CUT, "a"], [FITS]]
    assert table["top_tokens"].type == TABLES["latents"].field("top_tokens").type


def test_titles_may_be_longer_than_tokens() -> None:
    titles = [LONG, "t" * LONGEST_TEXT, "t" * LONGEST_TEXT + "t"]
    table = cut_texts("documents", pa.table({"title": encoded(titles)}))
    assert table["title"].to_pylist() == [*titles[:2], "t" * (LONGEST_TEXT - 1) + MARK]


def test_words_stay_encoded() -> None:
    table = cut_texts("tokens", pa.table({"token": encoded([LONG, "b", LONG])}))
    assert table["token"].type == TABLES["tokens"].field("token").type
    assert table["token"].to_pylist() == [CUT, "b", CUT]


def test_terms_are_cut_and_their_numbers_kept() -> None:
    parts = [encoded([LONG, "a"]), pa.array([1.5, 2.5], pa.float32()), pa.array([3, 4], pa.int32())]
    terms = pa.StructArray.from_arrays(parts, ["term", "score", "latents"])
    lists = pa.ListArray.from_arrays(pa.array([0, 0, 2], pa.int32()), terms)
    table = cut_texts("clusters", pa.table({"terms": lists}))
    assert table["terms"].type == TABLES["clusters"].field("terms").type
    assert table["terms"].to_pylist() == [
        [],
        [{"term": CUT, "score": 1.5, "latents": 3}, {"term": "a", "score": 2.5, "latents": 4}],
    ]


def test_slices_and_several_chunks_keep_their_rows() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), encoded(["a", "b", "c"]))
    column = pa.chunked_array([lists.slice(1), lists, lists.slice(0, 0)])
    table = cut_texts("latents", pa.table({"top_tokens": column}))
    assert table["top_tokens"].to_pylist() == [["c"], ["a", "b"], ["c"]]


def test_tables_that_are_not_of_a_bundle_are_decoded_too() -> None:
    table = cut_texts("answers", pa.table({"text": encoded(["a", "t" * (LONGEST_TEXT + 1)])}))
    assert table["text"].type == pa.string()
    assert table["text"].to_pylist()[1].endswith(MARK)


def test_null_is_kept() -> None:
    table = cut_texts("documents", pa.table({"title": encoded(["a", None])}))  # type: ignore[list-item]
    assert table["title"].to_pylist() == ["a", None]


def test_a_list_that_is_null_stays_null_and_not_empty() -> None:
    lists = pa.ListArray.from_arrays(
        pa.array([0, 1, 1, 2], pa.int32()),
        encoded(["a", "b"]),
        mask=pa.array([False, True, False]),
    )
    for rows, expected in ((lists, [["a"], None, ["b"]]), (lists.slice(1), [None, ["b"]])):
        table = cut_texts("latents", pa.table({"top_tokens": rows}))
        assert table["top_tokens"].to_pylist() == expected
        assert table["top_tokens"].null_count == 1


def test_a_struct_that_is_null_stays_null() -> None:
    structs = pa.StructArray.from_arrays(
        [encoded(["a", "b"])], ["term"], mask=pa.array([True, False])
    )
    assert cut_texts("odd", pa.table({"odd": structs}))["odd"].to_pylist() == [None, {"term": "b"}]
