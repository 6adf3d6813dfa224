import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.widgets.markdown import plain

HOSTILE = [
    "<script>alert(1)</script>", "![x](http://x/y.png)", "[a](javascript:x)", ":red[x]", "$x$",
    "**b**", "_i_", "`c`", "# h", "- l", "1. l", "> q", "| a | b |", "&lt;", "~~s~~", ":smile:",
    "http://example.org", "HTTPS://example.org", "www.example.org", "a@example.org", "\\*", "^[x]",
    "==m==", "->", "<-", "<->", "--", ">=", "<=", "~=", ":+1:", ":streamlit:", ":material_home:",
    "a:b:c@d.e", "mailto:a@b.c", "@property", "12:30:45",
]  # fmt: skip
# What Streamlit 1.67 and its Markdown parser look for in texts without their escapes.
READ_LATER = [
    r"(?i)(https?://|www(?=\.))([-.\w]+)", r"[-.\w+]+@[-\w]+(?:\.[-\w]+)+", r":\+1:|:-1:|:[\w-]+:",
    r":material_(\w+):", r":streamlit:", r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
]  # fmt: skip


def shown(markdown: str) -> str:
    return "".join(
        child.content
        for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
        for child in token.children or []
        if child.type in ("text", "text_special")
    )


def test_hostile_text_is_shown_letter_by_letter() -> None:
    for text in HOSTILE:
        tokens = MarkdownIt("commonmark", {"html": True}).parse(plain(text))
        kinds = {child.type for token in tokens for child in token.children or []}
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        assert kinds <= {"text", "text_special"}, text
        assert shown(plain(text)).replace("\u2060", "") == text


def test_nothing_is_made_of_a_text_after_its_escapes_are_removed() -> None:
    for text in HOSTILE:
        left = [rule for rule in READ_LATER if re.search(rule, shown(plain(text)))]
        assert left == [], text
    assert all(any(re.search(rule, text) for text in HOSTILE) for rule in READ_LATER)


@given(st.text(alphabet="ahtpw:/.@-<>~=+_1 ", max_size=20))
def test_no_text_of_signs_becomes_a_link_or_an_arrow(text: str) -> None:
    seen = shown(plain(text))
    assert seen.replace("\u2060", "") == text.strip()
    assert not any(re.search(rule, seen) for rule in READ_LATER)


@given(st.text(max_size=60))
def test_any_text_is_one_paragraph_of_plain_text(text: str) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).parse(plain(text))
    assert {child.type for token in tokens for child in token.children or []} <= {
        "text",
        "text_special",
    }


def test_directions_and_newlines_cannot_rearrange_the_page() -> None:
    assert "\u202e" not in plain("a\u202eb")
    assert "\n" not in plain("a\n\nb")
    assert len(plain("x" * 10_000)) == 400
