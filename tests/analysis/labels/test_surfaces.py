"""How pieces of text are joined, and how words are shown."""

from analysis.labels.surfaces import DIGIT, LETTER, LONGEST_SHOWN, NOT_JOINED, joint, surface


def test_letters_join_letters_and_digits_join_digits() -> None:
    assert [joint(one) for one in "aßя́"] == [LETTER] * 4
    assert [joint(one) for one in "7٣"] == [DIGIT] * 2
    assert [joint(one) for one in " .½草ก"] == [NOT_JOINED] * 5


def test_a_word_is_shown_without_spaces_and_punctuation_around_it() -> None:
    assert [surface(one) for one in (" salt,", "“don't”", " (3)", "x")] == [
        "salt",
        "don't",
        "3",
        "x",
    ]
    assert [surface(one) for one in (" ", "   ", " ...", "↵↵")] == ["␣", "␣×3", "...", "↵↵"]
    assert surface(" ⟨e4⟩.") == "⟨e4⟩."
    long = "a" * LONGEST_SHOWN
    assert [surface(long), surface(f"{long}b")] == [long, f"{long[:-1]}…"]
