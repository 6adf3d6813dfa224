"""Stories and descriptions: the games Battle for Wesnoth, Endless Sky and Dungeon Crawl."""

import gettext
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache as remembered
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

CAMPAIGNS = (
    "data", "did", "dm", "dw", "ei", "httt", "l", "low", "nr", "sof", "sota", "sotbe", "thot",
    "trow", "tsg", "ttb", "utbs",
)  # fmt: skip
"""Packages of Wesnoth 1.16: what all campaigns share, and the campaigns."""
TRANSLATABLE = re.compile(r'#textdomain\s+(\S+)|_\s*"((?:[^"]|"")*)"')
MARKUP = re.compile(r"<[^>]{1,60}>|\$[\w.|]+")


@remembered
def wesnoth_scenarios(folder: Path) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """(name, ((text domain, English message), …)) of each file, messages in the order of play."""
    scenarios = []
    for path in sorted((folder / "data").rglob("*.cfg")):
        domain, messages = "wesnoth", []
        for match in TRANSLATABLE.finditer(path.read_text(encoding="utf-8", errors="replace")):
            domain = match.group(1) or domain
            if match.group(2):
                messages.append((domain, match.group(2).replace('""', '"')))
        if sum(len(text) for _, text in messages) > 700:
            scenarios.append((" ".join(path.parts[-3:])[:-4].replace("_", " "), tuple(messages)))
    return tuple(scenarios)


def wesnoth(language: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of the scenarios of Wesnoth; a message without a translation is left out."""

    def read(cache: Path) -> Iterator[Section]:
        for campaign in CAMPAIGNS:
            package = fetch(f"apt:wesnoth-1.16-{campaign}", cache)
            folder = package / "usr/share/games/wesnoth/1.16"
            catalogues = {} if language == "en" else wesnoth_catalogues(folder, language)
            for name, messages in wesnoth_scenarios(folder):
                texts = [
                    text if language == "en" else catalogues.get(domain, {}).get(text, "")
                    for domain, text in messages
                ]
                paragraphs = [plain_message(text) for text in texts if len(text) > 20]
                yield Section(f"Wesnoth: {name}", [p for p in paragraphs if p], language)

    return read


def wesnoth_catalogues(folder: Path, language: str) -> dict[str, dict[str, str]]:
    """Translations by text domain, then by English message."""
    catalogues = {}
    for path in (folder / "locale" / language / "LC_MESSAGES").glob("*.mo"):
        with path.open("rb") as stream:
            entries = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        catalogues[path.stem] = {
            original.split("^", 1)[-1] if "^" in original else original: text
            for original, text in entries.items()
            if isinstance(original, str) and text != original
        }
    return catalogues


def aligned_messages(
    cache: Path, languages: Sequence[str], most: int, seed: int = 0
) -> list[tuple[str, ...]]:
    """A random choice of messages of Wesnoth in all of `languages`, English first.

    They have 80 to 300 characters in English, are translated into each language, and occur once.
    """
    aligned: dict[str, tuple[str, ...]] = {}
    for campaign in CAMPAIGNS:
        package = fetch(f"apt:wesnoth-1.16-{campaign}", cache)
        folder = package / "usr/share/games/wesnoth/1.16"
        catalogues = [wesnoth_catalogues(folder, language) for language in languages[1:]]
        for _, messages in wesnoth_scenarios(folder):
            for domain, text in messages:
                own = [text, *(c.get(domain, {}).get(text, "") for c in catalogues)]
                plain = tuple(plain_message(one) for one in own)
                if all(plain) and 80 <= len(plain[0]) <= 300:
                    aligned[plain[0]] = plain
    chosen = sorted(aligned.values())
    random.Random(seed).shuffle(chosen)
    return chosen[:most]


def plain_message(text: str) -> str:
    """A message of a game as plain text on one line, without a context mark and variables."""
    text = re.sub(r"^[\w ]{1,30}\^", "", text)
    return re.sub(r"\s+", " ", MARKUP.sub("", text)).strip()


def endless_sky(cache: Path) -> Iterator[Section]:
    """The texts of one file of missions, events or descriptions of Endless Sky."""
    folder = fetch("apt:endless-sky-data", cache) / "usr/share/games/endless-sky/data"
    for path in sorted(folder.rglob("*.txt")):
        content = path.read_text(encoding="utf-8", errors="replace")
        title = f"Endless Sky: {path.parent.name} {path.stem}"
        blocks = re.split(r"\n(?=\S)", content)
        for number, block in enumerate(blocks):
            texts = [re.sub(r"<[^>]+>", "", t).strip() for t in re.findall(r"`([^`]+)`", block)]
            paragraphs = [text for text in texts if len(text) > 15]
            if sum(map(len, paragraphs)) > 500:
                yield Section(f"{title} {number}", paragraphs)


CRAWL_SECTION = 12
"""Descriptions of Dungeon Crawl in one section."""


def crawl(cache: Path) -> Iterator[Section]:
    """Descriptions of monsters, spells and places in Dungeon Crawl, without its quotations."""
    folder = fetch("apt:crawl-common", cache) / "usr/share/crawl/dat/descript"
    for path in sorted(folder.glob("*.txt")):
        if path.stem == "quotes":  # of other authors
            continue
        entries = crawl_descriptions(path.read_text(encoding="utf-8"))
        for start in range(0, len(entries), CRAWL_SECTION):
            yield Section(
                f"Dungeon Crawl: {path.stem} {start}", entries[start : start + CRAWL_SECTION]
            )


def crawl_descriptions(text: str) -> list[str]:
    """The entries of a file: after a line of `%%%%` and comments, a name, then its description."""
    entries = []
    for entry in re.split(r"^%{4}$", text, flags=re.MULTILINE):
        lines = [line for line in entry.strip().splitlines() if not line.startswith("#")]
        name, *description = lines or [""]
        plain = re.sub(r"\s+", " ", MARKUP.sub("", " ".join(description))).strip()
        if len(plain) > 60 and not re.search(r"[{}@]|<<", plain):  # programs and variables
            entries.append(f"{name.strip().removesuffix(' spell')}: {plain}")
    return entries
