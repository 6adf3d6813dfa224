"""A saved SAE is found by its path; its tensors must agree with each other and its settings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.runtime.errors import InputError
from analysis.saes.saved import Request, Saved, open_saved, read_tensors

REQUEST = Request(
    {"W_enc": "d_in d_sae", "b_enc": "d_sae"}, optional={"scale": "()"}, ignored=("steps",)
)


def save(path: Path, **changes: torch.Tensor) -> Path:
    tensors = {"W_enc": torch.ones(3, 4), "b_enc": torch.zeros(4), **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def saved_of(folder: Path, config: dict[str, Any], **changes: torch.Tensor) -> Saved:
    save(folder / "sae.safetensors", **changes)
    (folder / "cfg.json").write_text(json.dumps(config))
    return open_saved(folder)


@pytest.mark.parametrize("given", ["", "sae.safetensors", "cfg.json"])
def test_folder_weights_and_configuration_open_the_same_sae(given: str, tmp_path: Path) -> None:
    saved_of(tmp_path, {"d_in": 3})
    saved = open_saved(tmp_path / given)
    assert saved.weights.path == tmp_path / "sae.safetensors"
    assert saved.config_path == tmp_path / "cfg.json" and saved.config == {"d_in": 3}
    assert saved.has("W_enc", "b_enc") and not saved.has("W_enc", "W_dec")


def test_the_first_known_name_is_chosen(tmp_path: Path) -> None:
    for name in ("ae.safetensors", "sae_weights.safetensors", "other.safetensors"):
        save(tmp_path / name)
    assert open_saved(tmp_path).weights.path.name == "sae_weights.safetensors"


def test_the_only_weights_file_is_chosen_under_any_name(tmp_path: Path) -> None:
    save(tmp_path / "mine.safetensors")
    save(tmp_path / "sparsity.safetensors")
    assert open_saved(tmp_path).weights.path.name == "mine.safetensors"
    assert open_saved(tmp_path).config is None
    save(tmp_path / "yours.safetensors")
    with pytest.raises(InputError, match=r"2 weights files \(mine.*, yours.*give the path of one"):
        open_saved(tmp_path)


def test_a_folder_without_weights_names_its_folders(tmp_path: Path) -> None:
    (tmp_path / "layer_3").mkdir()
    with pytest.raises(InputError, match=r"no weights file .*one of its folders \(layer_3\)"):
        open_saved(tmp_path)
    with pytest.raises(InputError, match=r"missing: there is no such file or folder"):
        open_saved(tmp_path / "missing")


def test_a_configuration_of_the_same_name_comes_first(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.safetensors")
    for name in ("cfg.json", "mine_cfg.json"):
        (tmp_path / name).write_text(json.dumps({"name": name}))
    assert open_saved(path).config == {"name": "mine_cfg.json"}


def test_the_configuration_of_a_checkpoint_is_one_folder_up(tmp_path: Path) -> None:
    save(tmp_path / "checkpoints" / "final.safetensors")
    (tmp_path / "hyperparams.json").write_text("{}")
    assert open_saved(tmp_path).config_path == tmp_path / "hyperparams.json"
    save(tmp_path / "other" / "sae.safetensors")
    assert open_saved(tmp_path / "other").config_path is None


def test_settings_have_a_type(tmp_path: Path) -> None:
    config = {"k": 5, "scale": 2, "name": "a", "on": True, "nothing": None, "inner": {"k": 6}}
    saved = saved_of(tmp_path, config)
    assert saved.setting("k", int) == 5
    scale = saved.setting("scale", float)
    assert scale == 2.0 and isinstance(scale, float)
    assert saved.setting("nothing", int) is None and saved.setting("absent", str, "b") == "b"
    assert saved.section("inner").setting("k", int) == 6
    assert saved.section("name").config == {}
    wrong: tuple[tuple[str, Any], ...] = (("name", int), ("on", int), ("k", str), ("k", bool))
    for key, kind in wrong:
        with pytest.raises(InputError, match=rf"cfg\.json: {key} is .* type {kind.__name__};"):
            saved.setting(key, kind)


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_is_positive(count: int, tmp_path: Path) -> None:
    saved = saved_of(tmp_path, {"k": count, "one": 1})
    assert saved.count("one") == 1 and saved.count("absent") is None
    with pytest.raises(InputError, match=rf"k is {count}, but must be positive"):
        saved.count("k")


def test_settings_of_the_caller_replace_those_of_the_file(tmp_path: Path) -> None:
    saved = saved_of(tmp_path, {"k": 5, "d": 3, "metadata": {"k": 5, "m": 1}})
    assert saved.overridden({}) is saved
    assert saved.overridden({"k": 9}).config == {"k": 9, "d": 3, "metadata": {"k": 9, "m": 1}}
    assert saved.config is not None and saved.config["k"] == 5


def test_tensors_are_read_in_one_dtype(tmp_path: Path) -> None:
    given = torch.arange(12).reshape(3, 4).half()
    saved = saved_of(tmp_path, {}, W_enc=given, scale=torch.tensor(2.0), steps=torch.tensor([7]))
    tensors = read_tensors(saved, REQUEST, torch.float64)
    assert set(tensors) == {"W_enc", "b_enc", "scale"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float64}
    np.testing.assert_array_equal(tensors["W_enc"], np.arange(12.0).reshape(3, 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b_enc": torch.zeros(5)}, "so d_sae is 5, but it is 4 by W_enc"),
        ({"b_enc": torch.zeros(4, 1)}, r"has the shape \[4, 1\], but must be \[d_sae\]"),
        ({"b_enc": torch.zeros(0)}, r"has the shape \[0\]"),
        ({"scale": torch.ones(1)}, r"scale has the shape \[1\], but must be \[\]"),
        ({"extra": torch.ones(1)}, "'extra' is unknown"),
        ({"b_enc": torch.zeros(4, dtype=torch.int32)}, "'b_enc' has the dtype I32"),
        ({"b_enc": torch.tensor([0, 0, 0, torch.nan])}, "'b_enc' holds 1 value"),
    ],
)
def test_damaged_tensors_are_refused_with_the_name_of_their_file(
    changes: dict[str, torch.Tensor], message: str, tmp_path: Path
) -> None:
    saved = saved_of(tmp_path, {}, **changes)
    with pytest.raises(InputError, match=rf"sae\.safetensors: .*{message}"):
        read_tensors(saved, REQUEST, torch.float32)


def test_a_missing_tensor_lists_those_of_the_file(tmp_path: Path) -> None:
    request = Request({"W_dec": "d_sae d_out"}, ignored=("W_enc", "b_enc"))
    with pytest.raises(
        InputError, match=r"W_dec is missing \(it holds W_enc \[3, 4\], b_enc \[4\]"
    ):
        read_tensors(saved_of(tmp_path, {}), request, torch.float32)


def test_the_configuration_must_state_the_sizes_of_the_weights(tmp_path: Path) -> None:
    saved = saved_of(tmp_path, {"d_in": 7})
    request = Request(REQUEST.required, sizes={"d_in": saved.count("d_in"), "d_sae": None})
    with pytest.raises(InputError, match=r"so d_in is 3, but it is 7 by .*cfg\.json"):
        read_tensors(saved, request, torch.float32)
