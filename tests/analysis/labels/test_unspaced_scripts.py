"""Which characters and words belong to scripts without spaces."""

from analysis.labels.unspaced_scripts import in_unspaced_word, is_unspaced


def test_scripts() -> None:
    assert [is_unspaced(c) for c in "aя한ñ9 "] == [False] * 6
    assert all(is_unspaced(c) for c in "草いカข່ກខမ𠀀")
    assert in_unspaced_word("สตรอเบอร์รี่")
    assert not any(map(in_unspaced_word, ("", "a草", "草。", "草 莓")))
