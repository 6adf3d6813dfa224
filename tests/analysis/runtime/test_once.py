"""A property is computed once for each object, and objects do not wait for each other."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier, Event

import pytest

from analysis.bundle import Bundle
from analysis.runtime.once import once_property


@dataclass(frozen=True)
class Thing:
    """Something with a property."""

    made: list[int] = field(default_factory=list)
    begun: Event = field(default_factory=Event)
    may_end: Event = field(default_factory=Event)

    @once_property
    def number(self) -> int:
        """How often it was computed."""
        self.begun.set()
        assert self.may_end.wait(60)
        self.made.append(1)
        return len(self.made)

    @once_property
    def doubled(self) -> int:
        """A property that needs another."""
        return 2 * self.number

    @once_property
    def failing(self) -> int:
        """It fails the first time."""
        self.made.append(1)
        if len(self.made) == 1:
            raise ValueError("the first try")
        return len(self.made)


def free() -> Thing:
    thing = Thing()
    thing.may_end.set()
    return thing


def test_it_is_computed_once() -> None:
    thing = free()
    assert [thing.doubled, thing.number, thing.doubled] == [2, 1, 2]
    assert thing.made == [1]
    assert Thing.number.__doc__ == "How often it was computed."
    assert not [name for name in vars(thing) if name.startswith("lock")]


def test_what_fails_is_computed_again() -> None:
    thing = free()
    with pytest.raises(ValueError, match="the first try"):
        _ = thing.failing
    assert [thing.failing, thing.failing] == [2, 2]


def test_threads_that_ask_at_once_get_one_value() -> None:
    thing, together = free(), Barrier(4)

    def ask(_: int) -> int:
        together.wait(60)
        return thing.doubled

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [2] * 4
    assert thing.made == [1]


def test_nobody_waits_for_another_object() -> None:
    slow = Thing()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: slow.number)
        assert slow.begun.wait(60)
        assert free().number == 1  # while the other is computed
        slow.may_end.set()
        assert waiting.result(60) == 1


def test_nobody_waits_while_a_table_of_another_bundle_is_read(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = replace(planted_bundle), replace(planted_bundle)
    begun, may_end, read = Event(), Event(), Bundle._read

    def reading(bundle: Bundle, table: str) -> object:
        if bundle is slow:
            begun.set()
            assert may_end.wait(60)
        return read(bundle, table)

    monkeypatch.setattr(Bundle, "_read", reading)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: slow.latents)
        assert begun.wait(60)
        assert other.latents.num_rows == planted_bundle.latents.num_rows
        assert other.memberships.num_rows == planted_bundle.memberships.num_rows
        may_end.set()
        assert waiting.result(60).equals(other.latents)
