from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.widgets.markdown import plain

HOSTILE = [
    "<script>alert(1)</script>", "![x](http://x/y.png)", "[a](javascript:x)", ":red[x]", "$x$",
    "**b**", "_i_", "`c`", "# h", "- l", "1. l", "> q", "| a | b |", "&lt;", "~~s~~", ":smile:",
    "http://example.org", "a@example.org", "\\*", "^[x]", "==m==",
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
        assert shown(plain(text)) == text


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
