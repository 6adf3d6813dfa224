"""Calls of figures as JSON, and repeating what a file says."""

import base64
import json
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.cooccurrence.pair import read_pair
from analysis.runtime.errors import InputError
from charts.core import call
from charts.core.cache import cached
from charts.core.call import Call, call_of, recorded, repeat
from charts.core.figure import Figure
from charts.density import density_histogram
from charts.health import flag_counts
from charts.jaccard_components import components_of


def _made(bundle: Any, a: int, b: str = "x", *, mask: np.ndarray | None = None) -> None: ...


def through_json(bundle: Any, value: object) -> Any:
    stored = json.loads(json.dumps(Call("f", {"it": value}).to_json()))
    return call._decoded(bundle, stored["it"])


def test_a_call_names_the_function_and_all_its_arguments() -> None:
    named = call_of(_made)(None, 3, mask=np.ones(2, bool))  # type: ignore[arg-type]
    assert named.function == f"{__name__}._made"
    assert list(named.arguments) == ["a", "b", "mask"] and named.arguments["b"] == "x"


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, "=x", (1, 2), ("a", (None, 2.5)), LevelName("decoder", 2)],
)
def test_plain_values_stay_as_they_are(value: object) -> None:
    assert through_json(None, value) == value
    assert type(through_json(None, value)) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(37) % 3 == 0,
        np.zeros(0, bool),
        np.arange(5),
        np.arange(6, dtype=np.float32).reshape(2, 3),
    ],
)
def test_arrays_are_stored_completely(array: np.ndarray) -> None:
    read = through_json(None, array)
    assert read.dtype == array.dtype and np.array_equal(read, array)


def test_pairs_and_components_are_read_from_the_bundle_again(tiny: Bundle) -> None:
    pair = read_pair(tiny, 5, 13, threshold=2.0, window=50)
    stored = Call("f", {"it": pair}).to_json()["it"]
    fields = {"a": 5, "b": 13, "threshold": 2.0, "window": 50}
    assert stored == {"read": "analysis.cooccurrence.pair.Pair", **fields}
    again = through_json(tiny, pair)
    assert again.tables == pair.tables and np.array_equal(again.rows, pair.rows)
    components = components_of(tiny)
    assert np.array_equal(through_json(tiny, components).labels, components.labels)


@pytest.mark.parametrize("value", [object(), np.array(["a"]), {"a": 1}])
def test_other_arguments_cannot_be_stored(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be stored with a figure"):
        Call("f", {"it": value}).to_json()


def test_cached_and_recorded_figures_hold_their_call(tiny: Bundle) -> None:
    mask = np.arange(120) < 5
    made = density_histogram(tiny, mask).call
    assert made is not None and made.function == "charts.density.density_histogram"
    assert made.arguments["mask"] is mask

    @recorded
    def figure_of(bundle: Bundle, known: object, limit: int = 3) -> Figure:
        return flag_counts(bundle)

    other = figure_of(tiny, object()).call
    assert other is not None and other.arguments == {"limit": 3}, "what is known is not stored"
    assert cached(lambda bundle: 3)(tiny) == 3


def test_a_call_is_repeated(tiny: Bundle) -> None:
    mask = np.arange(120) % 2 == 0
    figure = density_histogram(tiny, mask)
    assert figure.call is not None
    again = repeat(tiny, figure.call.function, figure.call.to_json())
    assert again.rows.equals(figure.rows)
    assert not again.rows.equals(density_histogram(tiny).rows)


@pytest.mark.parametrize(
    "function",
    [
        "os.system",
        "charts.nothing.there",
        "charts.density.nothing",
        "charts.density._drawing",
        "charts.core.figure.caption_of",
        "charts.core.export.export",
        "charts..density.density_histogram",
        "charts.density",
        "",
    ],
)
def test_only_functions_that_make_figures_are_called(tiny: Bundle, function: str) -> None:
    with pytest.raises(InputError, match="has no such figure"):
        repeat(tiny, function, {})


@pytest.mark.parametrize(
    "arguments",
    [
        {"other": 1},
        {"mask": {"read": "os.system"}},
        {"mask": {"array": "AAAA", "dtype": "|b1", "shape": [3]}},
        {"mask": {"array": "AAAA", "dtype": "O", "shape": [3]}},
        {"mask": Call("f", {"it": np.ones(7, bool)}).to_json()["it"]},
    ],
)
def test_arguments_that_do_not_fit_are_refused(tiny: Bundle, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot be made from tiny with the arguments in the file"):
        repeat(tiny, "charts.density.density_histogram", arguments)


def test_arrays_in_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = base64.b64encode(zlib.compress(bytes(100))).decode()
    stored = {"array": packed, "dtype": "|b1", "shape": [800]}
    bundle: Any = SimpleNamespace()
    assert len(call._decoded(bundle, stored)) == 800
    monkeypatch.setattr(call, "MOST_BYTES", 99)
    with pytest.raises(ValueError, match="too large"):
        call._decoded(bundle, stored)


def test_the_memory_of_a_call_counts_its_arrays() -> None:
    assert Call("f", {"a": np.zeros(1000)}).nbytes - Call("f", {"a": 1}).nbytes == 8000
