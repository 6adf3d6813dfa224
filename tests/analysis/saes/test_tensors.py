"""Files of named tensors open by their content; damaged ones are refused by name."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.runtime.errors import InputError
from analysis.saes.checks import TensorInfo
from analysis.saes.tensors import open_tensors

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.array([1, 2], dtype=np.int64)


def safetensors_file(path: Path) -> Path:
    save_file({"a": torch.tensor(A), "b": torch.tensor(B)}, path)
    return path


def npz_file(path: Path) -> Path:
    np.savez(path, a=A, b=B)
    return path


def torch_file(path: Path) -> Path:
    torch.save({"a": torch.tensor(A), "b": torch.tensor(B)}, path)
    return path


WRITERS = {"a.safetensors": safetensors_file, "a.npz": npz_file, "a.pt": torch_file}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_has_the_same_tensors(name: str, tmp_path: Path) -> None:
    opened = open_tensors(WRITERS[name](tmp_path / name), allow_pickle=True)
    assert dict(opened.tensors) == {"a": TensorInfo((2, 3), "F32"), "b": TensorInfo((2,), "I64")}
    np.testing.assert_array_equal(opened.load("a").numpy(), A)
    np.testing.assert_array_equal(opened.load("b").numpy(), B)
    assert "a" in opened and "c" not in opened
    assert opened.names() == "a [2, 3], b [2]"


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{f"t{i:02}": B for i in range(15)})  # type: ignore[arg-type]
    names = open_tensors(tmp_path / "a.npz").names()
    assert names.startswith("t00 [2], t01 [2]") and names.endswith("t11 [2] and 3 more")


@pytest.mark.parametrize("name", WRITERS)
def test_a_truncated_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=name):
        open_tensors(path, allow_pickle=True)


def test_a_damaged_array_is_refused_by_name(tmp_path: Path) -> None:
    path = npz_file(tmp_path / "a.npz")
    content = bytearray(path.read_bytes())
    content[content.index(A.tobytes()) + 4] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz: array 'a\.npy' is damaged \(BadZipFile\)"):
        open_tensors(path)


def test_an_array_that_is_damaged_after_opening_is_refused_when_it_is_read(tmp_path: Path) -> None:
    opened = open_tensors(npz_file(tmp_path / "a.npz"))
    opened.path.write_bytes(opened.path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"a\.npz: array 'a' is damaged \(BadZipFile\)"):
        opened.load("a")


def test_a_pickle_opens_only_where_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.pt: this is a pickle"):
        open_tensors(torch_file(tmp_path / "a.pt"))


def test_an_inner_state_dict_is_found_beside_other_content(tmp_path: Path) -> None:
    torch.save({"step": 3, "model": {"a": torch.tensor(A), "k": 5}}, tmp_path / "a.pt")
    opened = open_tensors(tmp_path / "a.pt", allow_pickle=True)
    assert set(opened.tensors) == {"a"} and opened.others == {"k": 5}


def test_a_list_of_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([torch.tensor(A)], tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: it holds no dictionary of named tensors"):
        open_tensors(tmp_path / "a.pt", allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"1,2", "a .csv file is not a saved SAE"),
        ("a.pt", b"\x80\x02}q\x00.", "this is not a zip archive"),
        ("a.safetensors", b"PK\x03\x04" + bytes(30), "a.safetensors"),
        ("a.npz", b"no zip", "a.npz"),
    ],
)
def test_other_files_are_refused_by_name(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_tensors(tmp_path / name, allow_pickle=True)
    assert name in str(refused.value) and message in str(refused.value)


def test_an_array_of_another_dtype_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=A.astype(complex))
    with pytest.raises(InputError, match=r"a\.npz: array 'a\.npy' has the dtype <c16"):
        open_tensors(tmp_path / "a.npz")


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("read.me", "hello")
    with pytest.raises(InputError, match="written neither by PyTorch nor by NumPy"):
        open_tensors(tmp_path / "a.zip", allow_pickle=True)
