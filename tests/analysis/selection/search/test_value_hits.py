"""Values that match a text, in a bundle whose documents have planted values."""

from collections import Counter

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import kept_profiles
from analysis.selection import evaluate, parse
from analysis.selection.search import language_name, search
from analysis.selection.search.value_hits import matching_values
from tests.charts.conftest import with_tables
from tests.planted_profiles import planted_languages, with_profiles


@pytest.fixture(scope="module")
def languages(planted_bundle: Bundle) -> list[str]:
    return planted_languages(planted_bundle)


@pytest.fixture(scope="module")
def profiled(
    planted_bundle: Bundle, languages: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    names = {"fr": "story", "de": "history", "en": "storybook"}
    columns = {"language": languages, "genre": [names[language] for language in languages]}
    return with_profiles(planted_bundle, tmp_path_factory.mktemp("values"), columns)


@pytest.mark.parametrize("text", ["fr", "French", "FRENCH", "fre", "renc"])
def test_a_language_is_searched_by_its_code_and_its_name(
    profiled: Bundle, languages: list[str], text: str
) -> None:
    hits = [hit for hit in search(profiled, text).values if hit.column == "language"]
    assert [(hit.name, hit.select) for hit in hits] == [("fr", "profile(language,fr)")]
    tokens = profiled.documents["tokens"].to_pylist()
    assert hits[0].size == sum(
        n > 0 for n, own in zip(tokens, languages, strict=True) if own == "fr"
    )
    selected = evaluate(parse(hits[0].select), profiled)
    main = kept_profiles(profiled).with_main("language", "fr", profiled.latents.num_rows)
    assert selected.any() and (selected == main).all()


def test_the_whole_value_is_first_and_then_its_beginning(
    profiled: Bundle, languages: list[str]
) -> None:
    values = [hit.value for hit in matching_values(profiled, "story") if hit.column == "genre"]
    assert values == ["story", "storybook", "history"]
    assert {hit.value for hit in matching_values(profiled, "st")} == {"story", "storybook"}
    inside = [hit for hit in matching_values(profiled, "tor") if hit.column == "genre"]
    names = {"fr": "story", "de": "history", "en": "storybook"}
    kept = profiled.documents["tokens"].to_numpy() > 0
    times = Counter(names[one] for one in np.array(languages)[kept].tolist())
    assert len(set(times.values())) == 3
    assert [(hit.value, hit.documents) for hit in inside] == times.most_common()


def test_a_bundle_without_profiles_has_no_values(profiled: Bundle) -> None:
    assert matching_values(profiled, "story")
    assert matching_values(with_tables(profiled, latent_profiles=None), "story") == []


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("language", "de", "German"),
        ("Lang", "deu", "German"),
        ("language", "ger", "German"),
        ("language", "Python", ""),
        ("language", "German", ""),
        ("genre", "de", ""),
    ],
)
def test_only_codes_of_languages_have_a_name(column: str, value: str, name: str) -> None:
    assert language_name(column, value) == name
