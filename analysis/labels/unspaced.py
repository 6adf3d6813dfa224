"""Words in scripts that are written without spaces: Chinese, Japanese, Thai, Lao, Khmer and others.

No space shows where a word ends, and a tokenizer cuts such text where its training found it useful.
So words are taken from a lexicon: the strings on which latents fire (`words_of_latents`) and those
that explanations use. Where a text has an entry of the lexicon, the units that it covers are one
word; the longest entry counts, from left to right. Every other unit is a word of its own.
"""

from collections.abc import Collection

import numba
import numpy as np

from analysis.bundle import Activations
from analysis.labels.units import Units, sequence_hashes
from analysis.labels.unspaced_scripts import in_unspaced_word
from analysis.runtime.arrays import Bools, Int32s, Ints, UInt64s
from analysis.runtime.memory import MEMORY_BYTES

LONGEST = 16
"""Characters of the longest word of the lexicon."""
MOST_UNITS = 16
"""Units of the longest word that is read off the activations of a latent."""
LEAST_TOKENS = 5
"""Tokens on which a latent must fire inside a word before the word is read off."""
SAME = 0.9
"""A word grows while this share of a latent's occurrences continue with the same unit."""
LEAST_SHARE = 0.1
"""Smallest share of a latent's tokens at which the unit is the core of a word."""
MOST_WORDS = 3
"""Words that are read off one latent."""
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)
_ROW_BYTES = 24


def segmented(units: Units, lexicon: Collection[str]) -> Bools:
    """bool [U], whether a unit continues the word of the unit before it."""
    continues = np.zeros(len(units.code), dtype=bool)
    inside = _unspaced_units(units)
    longest = min(max(map(len, lexicon), default=0), LONGEST)
    if not inside.any() or longest < 2:
        return continues
    place, characters = _characters(units, inside)
    hashes = [_window_hashes(characters, length) for length in range(longest + 1)]
    wanted = [[word for word in lexicon if len(word) == length] for length in range(longest + 1)]
    best = np.zeros(len(characters), dtype=np.int64)
    for length in range(2, longest + 1):
        if wanted[length]:
            entries = np.sort(np.array([_hash(word) for word in wanted[length]], dtype=np.uint64))
            at = np.searchsorted(entries, hashes[length])
            hit = entries[np.minimum(at, len(entries) - 1)] == hashes[length]
            best[: len(hit)][hit] = length
    _join_words(best, place, continues)
    return continues


def words_of_latents(
    activations: Activations, units: Units, naming: Bools, *, memory_bytes: int = MEMORY_BYTES
) -> set[str]:
    """The words of several units on which latents fire, in the rows `naming` bool [N].

    If a latent often fires on the same units in a row, they are a word. Otherwise a word begins
    with a unit on which it often fires, and grows while nearly all of these occurrences have the
    same next unit.
    """
    inside = _unspaced_units(units)
    if not inside.any():
        return set()
    follows = units.follows & inside & np.append(False, inside[:-1])
    words: set[str] = set()
    spans = np.zeros((MOST_WORDS, 2), dtype=np.int64)
    for block in activations.blocks_by_latent(most_rows=memory_bytes // _ROW_BYTES):
        for _, tokens, _ in block.each():
            rows = tokens[naming[tokens]]
            at = np.unique(units.of_row[rows])
            at = at[inside[at]]
            if len(at) >= LEAST_TOKENS:
                for start, stop in spans[: _read_off(at, units.code, follows, spans)].tolist():
                    word = "".join(units.texts[c] for c in units.code[start:stop]).strip()
                    if 1 < len(word) <= LONGEST:
                        words.add(word.casefold())
    return words


def _unspaced_units(units: Units) -> Bools:
    """bool [U], the units that consist of letters of scripts without spaces."""
    is_inside = np.array([in_unspaced_word(text.strip(" ")) for text in units.texts], dtype=bool)
    return is_inside[units.code] if len(units.texts) else np.zeros(0, dtype=bool)


def _characters(units: Units, inside: Bools) -> tuple[Ints, UInt64s]:
    """The characters of the units `inside`, and of which unit each is; 0 parts separate texts."""
    texts = [text.strip(" ").casefold() for text in units.texts]
    # Every text ends with a 0 that is dropped where the next unit follows directly.
    flat = np.array([ord(c) + 1 for text in texts for c in text + "\0"], dtype=np.uint64)
    flat[flat == 1] = 0
    sizes = np.array([len(text) + 1 for text in texts], dtype=np.int64)
    ends = np.cumsum(sizes)
    at = np.flatnonzero(inside)
    sizes_at = sizes[units.code[at]]
    place = np.repeat(at, sizes_at)
    first = np.repeat(np.cumsum(sizes_at) - sizes_at, sizes_at)
    begins = (ends - sizes)[units.code[place]]
    characters = flat[begins + np.arange(len(place)) - first]
    continued = np.append(units.follows[1:] & inside[1:], False)
    spaced = np.array([text.endswith(" ") for text in units.texts])[units.code]
    starts_spaced = np.array([text.startswith(" ") for text in units.texts])[units.code]
    continued &= ~spaced & ~np.append(starts_spaced[1:], False)
    keep = (characters > 0) | ~continued[place]
    return place[keep], characters[keep]


def _window_hashes(characters: UInt64s, length: int) -> UInt64s:
    """The hash of the characters [i:i + length] for every i at which they fit."""
    result = np.zeros(max(len(characters) - length + 1, 0), dtype=np.uint64)
    for offset in range(length):
        result = result * _BASE + characters[offset : offset + len(result)]
    return result


def _hash(word: str) -> np.uint64:
    """The hash that `_window_hashes` gives to the characters of a word."""
    characters = np.array([ord(c) + 1 for c in word], dtype=np.uint64)
    return np.uint64(_window_hashes(characters, len(word))[0])


@numba.njit(cache=True)
def _join_words(best: np.ndarray, place: np.ndarray, continues: np.ndarray) -> None:
    """Join the units of each word in place, from left to right.

    best [n]: characters of the longest word that begins at a character; place [n]: its unit.
    """
    i = 0
    while i < len(best):
        if best[i] == 0:
            i += 1
            continue
        stop = i + best[i]
        for unit in range(place[i] + 1, place[stop - 1] + 1):
            continues[unit] = True
        # Units are whole: a word that ends inside one covers it.
        while stop < len(best) and place[stop] == place[stop - 1]:
            stop += 1
        i = stop


@numba.njit(cache=True)
def _read_off(at: Int32s, code: Int32s, follows: Bools, spans: Ints) -> int:
    """Fill spans [MOST_WORDS, 2] with the first and last unit, plus one, of words; their number.

    at [n]: the units on which a latent fires, ascending; follows [U]: whether a unit continues a
    text.
    """
    words = _repeated_runs(at, code, follows, spans)
    if words:
        return words
    left = at.copy()
    while words < MOST_WORDS and len(left):
        mode, count = _mode(code[left])
        if count < max(LEAST_TOKENS, LEAST_SHARE * len(at)):
            break
        chosen = left[code[left] == mode]
        anchor, before, after = _extent(chosen, at, code, follows)
        spans[words, 0], spans[words, 1] = anchor - before, anchor + after + 1
        words += 1
        # What this word covers is explained: a latent may fire on several of its units.
        covered = np.zeros(len(left), dtype=np.bool_)
        for i in range(len(left)):
            for offset in range(-before, after + 1):
                covered[i] |= _contains(chosen, left[i] - offset)
        left = left[~covered]
    return words


@numba.njit(cache=True)
def _repeated_runs(at: Int32s, code: Int32s, follows: Bools, spans: Ints) -> int:
    """Fill spans with the most frequent runs of two and more units in a row; their number."""
    breaks = np.ones(len(at), dtype=np.bool_)
    for i in range(1, len(at)):
        breaks[i] = at[i] != at[i - 1] + 1 or not follows[at[i]]
    first = np.flatnonzero(breaks)
    starts = at[first].astype(np.int64)
    ends = starts + np.diff(np.append(first, len(at)))
    long = (ends - starts > 1) & (ends - starts <= MOST_UNITS)
    starts, ends = starts[long], ends[long]
    hashes = sequence_hashes(code, starts, ends)
    words = 0
    while words < MOST_WORDS and len(hashes):
        mode, count = _mode(hashes)
        if count < max(LEAST_TOKENS, LEAST_SHARE * len(first)):
            break
        place = np.flatnonzero(hashes == mode)[0]
        spans[words, 0], spans[words, 1] = starts[place], ends[place]
        words += 1
        others = hashes != mode
        starts, ends, hashes = starts[others], ends[others], hashes[others]
    return words


@numba.njit(cache=True)
def _extent(chosen: Int32s, at: Int32s, code: Int32s, follows: Bools) -> tuple[int, int, int]:
    """One of the chosen units [n], and how many units before and after it belong to its word.

    The chosen units have one code. A word grows to the right only over units on which the latent
    fires too: it cannot know what comes next.
    """
    before, after = 0, 0
    kept = chosen
    grows = True
    while grows and before + after + 1 < MOST_UNITS:
        grows = False
        for side in (-1, 1):
            offset = -(before + 1) if side < 0 else after + 1
            seam = -before if side < 0 else after + 1
            neighbours = np.full(len(kept), -1, dtype=np.int32)
            for i in range(len(kept)):
                unit = kept[i] + offset
                goes_on = 0 <= unit < len(code) and follows[kept[i] + seam]
                if goes_on and (side < 0 or _contains(at, unit)):
                    neighbours[i] = code[unit]
            mode, count = _mode(neighbours[neighbours >= 0])
            if count >= LEAST_TOKENS and count >= SAME * len(kept):
                kept = kept[neighbours == mode]
                if side < 0:
                    before += 1
                else:
                    after += 1
                grows = True
    return kept[0], before, after


@numba.njit(cache=True)
def _contains(ascending: Int32s, value: int) -> bool:
    place = np.searchsorted(ascending, value)
    return bool(place < len(ascending) and ascending[place] == value)


@numba.njit(cache=True)
def _mode(values: np.ndarray) -> tuple[int, int]:
    """The most frequent value and its count; the smallest if several are."""
    ordered = np.sort(values)
    best, count, run = 0, 0, 0
    for i in range(len(ordered)):
        run = run + 1 if i and ordered[i] == ordered[i - 1] else 1
        if run > count:
            best, count = i, run
    return (ordered[best] if len(ordered) else values.dtype.type(0)), count
