"""What was computed is kept for one bundle."""

import weakref
from dataclasses import replace
from threading import Event, Thread

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


def test_what_is_kept_is_returned_without_waiting_for_a_computation(
    planted_bundle: Bundle,
) -> None:
    begun, may_end = Event(), Event()

    @kept_for_bundle
    def slow(bundle: Bundle) -> str:
        begun.set()
        assert may_end.wait(60)
        return bundle.name

    assert slow.kept(planted_bundle) is None
    computing = Thread(target=slow, args=(planted_bundle,))
    computing.start()
    assert begun.wait(60) and slow.kept(planted_bundle) is None
    may_end.set()
    computing.join(60)
    assert slow.kept(planted_bundle) == planted_bundle.name
    assert slow.kept(replace(planted_bundle)) is None
