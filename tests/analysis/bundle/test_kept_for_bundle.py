"""What was computed is kept for one bundle."""

import weakref
from dataclasses import replace

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle


def test_it_is_computed_once_for_each_bundle_and_only_the_last_is_kept(
    planted_bundle: Bundle,
) -> None:
    made: list[Bundle] = []

    @kept_for_bundle
    def number(bundle: Bundle) -> int:
        made.append(bundle)
        return len(made)

    other = replace(planted_bundle)
    assert [number(planted_bundle), number(planted_bundle)] == [1, 1]
    assert [number(other), number(other), number(planted_bundle)] == [2, 2, 3]


def test_a_closed_bundle_is_not_kept_alive(planted_bundle: Bundle) -> None:
    @kept_for_bundle
    def name(bundle: Bundle) -> str:
        return bundle.name

    other = replace(planted_bundle)
    assert name(other) == planted_bundle.name
    alive = weakref.ref(other)
    del other
    assert alive() is None
