"""Text of tokens and labels in charts."""

from charts.core.text import (
    cells,
    clusters_named,
    cut,
    name_of,
    range_words,
    shown_label,
    shown_token,
    slug,
    unique_name_of_cluster,
    visible,
)


def test_visible_text_has_no_control_or_direction_characters() -> None:
    assert visible("a\nb\tc\0d\x1b") == "a↵b→cd·"
    assert visible("\u202egnp.exe\u2069") == "‹RLO›gnp.exe‹PDI›"
    assert visible("<b>$x$ &lt; שלום 日本") == "<b>$x$ &lt; שלום 日本"
    assert visible("e" + "\u0301" * 9) == "e" + "\u0301" * 3
    assert visible("\uffff\ue000") == "··"


def test_tokens_are_cut_and_keep_their_spaces() -> None:
    assert len(shown_token("x" * 10_000)) == 40
    assert shown_token("x" * 10_000).endswith("…")
    assert shown_token(" the") == "\u00a0the"
    assert shown_token("  ") == "␣␣"
    assert shown_token("") == "∅"
    assert shown_label(None) == ""
    assert cut("abcdef", 4) == "abc…"
    assert (cells("abc"), cells("日本"), cells("e\u0301")) == (3, 4, 1)
    assert (cells("\u00a0abc"), cells("\u00a0日")) == (4, 3)
    assert cells("\uff21\uff22\uff01") == 6  # full-width forms of A, B and !


def test_a_label_has_at_most_34_characters() -> None:
    assert shown_label("x" * 34) == "x" * 34
    assert shown_label("x" * 35) == "x" * 33 + "…"
    assert name_of(7, "2 km") == "7 · 2 km" and name_of(7, "") == "7"


def test_the_name_of_a_cluster_contains_its_id_once() -> None:
    for cluster, label in ((0, None), (12, "days (7)"), (345, "x" * 90), (6, "cluster 5")):
        assert clusters_named(unique_name_of_cluster(cluster, label)) == [cluster]
    assert clusters_named("days 7") == clusters_named("the cluster 7") == []


def test_a_slug_has_letters_and_digits_without_hyphens_at_its_ends() -> None:
    assert slug("Cluster 12: It's") == "cluster-12-it-s"
    assert slug("(año)") == "a-o" and slug("-x_1-") == "x-1" and slug("日本") == ""


def test_a_range_is_written_with_short_numbers() -> None:
    assert range_words((2.5, 7.0)) == "2.5 to 7"
    assert range_words((0.123456, 12_345.6)) == "0.123 to 12,300"


def test_a_label_has_no_space_at_its_ends() -> None:
    assert shown_label("  sea  ") == "sea"
    assert name_of(3, "  ") == "3"
