"""Hostile and broken files: one sentence each, within 50 MB of extra memory."""

import io
import json
import os
import pickle
import random
import re
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.runtime.errors import InputError
from analysis.saes import checks, load_sae
from analysis.saes.checks import parse_json, read_json, safetensors_header
from analysis.saes.tensors import open_tensors

ORACLE = Path(__file__).parents[2] / "oracles" / "saelens"
MUTATIONS = int(os.environ.get("MUTATIONS", "20"))
WEIGHTS, CONFIG = "sae_weights.safetensors", "cfg.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (WEIGHTS, CONFIG):
        (tmp_path / name).write_bytes((ORACLE / "topk_none" / name).read_bytes())
    return tmp_path


def with_header(folder: Path, header: bytes) -> None:
    original = (folder / WEIGHTS).read_bytes()
    data = original[8 + struct.unpack("<Q", original[:8])[0] :]
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + data)


def header_of(folder: Path) -> dict[str, dict[str, object]]:
    original = (folder / WEIGHTS).read_bytes()
    parsed: dict[str, dict[str, object]] = json.loads(
        original[8 : 8 + struct.unpack("<Q", original[:8])[0]]
    )
    return parsed


def edit_header(folder: Path, name: str, **entry: object) -> None:
    header = header_of(folder)
    header[name] |= entry
    with_header(folder, json.dumps(header).encode())


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def truncated(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def truncated_to_nothing(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"\x10\0\0")


def longer(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as file:
        file.write(b"\0" * 64)


def not_a_number(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors["W_dec"][3].fill_(float("nan")))


def infinite(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors["b_enc"][:2].copy_(torch.tensor([1, -1]) / 0))


def wrong_shape(folder: Path) -> None:
    edit_tensors(
        folder, lambda tensors: tensors.update(W_dec=tensors["W_dec"][:, :31].contiguous())
    )


def wrong_rank(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.update(b_dec=tensors["b_dec"][None]))


def unknown_tensor(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.update(extra=torch.ones(3)))


def missing_tensor(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.pop("b_enc"))


def duplicate_key(folder: Path) -> None:
    header = json.dumps(header_of(folder))
    again = json.dumps({"b_dec": header_of(folder)["b_dec"]})[1:-1]
    with_header(folder, (header[:-1] + "," + again + "}").encode())


def overlapping(folder: Path) -> None:
    entry = header_of(folder)
    edit_header(folder, "b_dec", data_offsets=entry["b_enc"]["data_offsets"], shape=[64])


def huge_shape(folder: Path) -> None:
    edit_header(folder, "W_enc", shape=[2**40, 2**40])


def negative_shape(folder: Path) -> None:
    edit_header(folder, "W_enc", shape=[-32, -64])


def float_shape(folder: Path) -> None:
    edit_header(folder, "W_enc", shape=[32.0, 64.0])


def strange_dtype(folder: Path) -> None:
    edit_header(folder, "W_enc", dtype="F8_E4M3")


def list_entry(folder: Path) -> None:
    header = json.dumps(header_of(folder) | {"W_enc": [1, 2]})
    with_header(folder, header.encode())


def long_header(folder: Path) -> None:
    with_header(folder, b" " * (31 << 20))


def header_beyond_the_file(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 17) + b"{}")


def deep_header(folder: Path) -> None:
    with_header(folder, b'{"a":' * 30_000 + b"1" + b"}" * 30_000)


def many_tensors(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    with_header(folder, json.dumps({f"t{i}": entry for i in range(1500)}).encode())


class Runs:
    """A pickle that writes a file if it is executed."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (os.mkdir, (str(self.mark),))


def renamed_pickle(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Runs(folder / "ran"), protocol=2))


def renamed_torch_file(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "x.pt")
    (folder / "x.pt").rename(folder / WEIGHTS)


def git_lfs_pointer(folder: Path) -> None:
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")


def no_cfg(folder: Path) -> None:
    (folder / CONFIG).unlink()


def cfg_not_json(folder: Path) -> None:
    (folder / CONFIG).write_text("architecture: topk\n")


def cfg_not_an_object(folder: Path) -> None:
    (folder / CONFIG).write_text("[1, 2]")


def cfg_not_text(folder: Path) -> None:
    (folder / CONFIG).write_bytes(b'{"a": "\xff"}')


def cfg_too_large(folder: Path) -> None:
    (folder / CONFIG).write_text(json.dumps({"a": "x" * (31 << 20)}))


def cfg_too_deep(folder: Path) -> None:
    (folder / CONFIG).write_text("[" * 500_000)


def cfg_key_twice(folder: Path) -> None:
    (folder / CONFIG).write_text('{"d_in": 32, "d_in": 64}')


def no_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def weights_are_a_folder(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


BROKEN: dict[Callable[[Path], None], str] = {
    truncated: "is truncated",
    truncated_to_nothing: "truncated to 3 bytes",
    longer: "longer than its header states",
    not_a_number: "'W_dec' holds 32 values that are NaN or infinite",
    infinite: "'b_enc' holds 2 values",
    wrong_shape: r"d_in is 31, but it is 32",
    wrong_rank: r"b_dec has the shape \[1, 32\]",
    unknown_tensor: "'extra' is unknown",
    missing_tensor: "b_enc is missing",
    duplicate_key: "'b_dec' occurs twice",
    overlapping: "starts at byte",
    huge_shape: "does not fill",
    negative_shape: "malformed",
    float_shape: "malformed",
    strange_dtype: "F8_E4M3",
    list_entry: "malformed",
    long_header: "header declares 32,505,856 bytes",
    header_beyond_the_file: "truncated within its header",
    deep_header: "nested more than 32 levels",
    many_tensors: "1,500 tensors",
    renamed_pickle: "is a pickle",
    renamed_torch_file: "zip archive",
    git_lfs_pointer: "git lfs pull",
    no_cfg: r"no cfg\.json or config\.json next to",
    cfg_not_json: "not JSON",
    cfg_not_an_object: "holds a list",
    cfg_not_text: "not JSON",
    cfg_too_large: "the configuration of an SAE has at most",
    cfg_too_deep: "nested more than 32 levels",
    cfg_key_twice: "'d_in' occurs twice",
    no_weights: "holds no weights",
    weights_are_a_folder: "holds no weights",
}


EXTRA_MEMORY = 50 << 20
HANGS = 30
"""Seconds of processor time. A refusal takes milliseconds; what is caught here is a hang."""


def resident_peak(*, reset: bool = False) -> int:
    """The peak resident memory of the process in bytes, since the last `reset` if any.

    It includes memory of PyTorch and of mapped files, which tracemalloc does not count. 0 if the
    system does not report it.
    """
    status, references = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not references.exists():
        return 0
    if reset:
        references.write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) << 10 if found else 0


def refusal(folder: Path, *, allow_pickle: bool = False, mapped: int = 0) -> str:
    """The message of the one error; fails when it is not one sentence, or takes memory or long.

    `mapped` bytes of the file itself may become resident in addition to the extra memory.
    """
    tracemalloc.start()
    began, resident = time.process_time(), resident_peak(reset=True)
    with pytest.raises(InputError) as caught:
        load_sae(folder, allow_pickle=allow_pickle)
    resident = resident_peak() - resident
    _, traced = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    message = str(caught.value)
    assert max(traced, resident - mapped) < EXTRA_MEMORY
    assert time.process_time() - began < HANGS
    assert message.endswith(".") and "\n" not in message and len(message) < 600
    assert str(folder) in message
    return message


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_broken_folder_is_refused_in_one_sentence(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder)
    assert re.search(BROKEN[damage], refusal(folder))
    assert not (folder / "ran").exists()


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    assert "no such file or folder" in refusal(tmp_path / "nowhere")


def test_two_files_of_weights_need_a_choice(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    for name in ("a.safetensors", "b.safetensors"):
        save_file(tensors, folder / name)
    assert "2 weights files (a.safetensors, b.safetensors)" in refusal(folder)
    assert (
        load_sae(folder / "a.safetensors").content_hash
        == load_sae(ORACLE / "topk_none").content_hash
    )


def test_a_torch_file_opens_only_when_pickles_are_allowed(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "sae.pt")
    (folder / WEIGHTS).unlink()
    assert "only the command line opens" in refusal(folder)
    assert (
        load_sae(folder, allow_pickle=True).content_hash
        == load_sae(ORACLE / "topk_none").content_hash
    )


def test_a_pickle_that_runs_a_program_never_does(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({"W_enc": Runs(folder / "ran")}, folder / "sae.pt")
    assert "mkdir" in refusal(folder, allow_pickle=True)
    (folder / "sae.pt").write_bytes(pickle.dumps(Runs(folder / "ran"), protocol=2))
    assert "not a zip archive" in refusal(folder, allow_pickle=True)
    assert not (folder / "ran").exists()


def test_one_bad_value_in_a_large_file_costs_no_copy(folder: Path) -> None:
    """More bytes than the limit, in one tensor."""
    d_in, d_sae = 512, 30_000
    weights = torch.ones(d_in, d_sae)
    weights[-1, -1] = -float("inf")
    tensors = {"W_enc": weights, "W_dec": weights.new_ones(d_sae, d_in)}
    tensors |= {"b_enc": weights.new_ones(d_sae), "b_dec": weights.new_ones(d_in)}
    save_file(tensors, folder / WEIGHTS)
    config = json.loads((folder / CONFIG).read_text()) | {"d_in": d_in, "d_sae": d_sae}
    (folder / CONFIG).write_text(json.dumps(config))
    del weights, tensors
    mapped = (folder / WEIGHTS).stat().st_size
    assert "'W_enc' holds 1 value that" in refusal(folder, mapped=mapped)


def test_a_value_that_single_precision_cannot_hold_is_refused(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.update(b_dec=tensors["b_dec"].double() + 1e300))
    assert "'b_dec' holds 32 values" in refusal(folder)


def test_a_stretched_tensor_is_refused(folder: Path) -> None:
    tensors: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    tensors["W_enc"] = torch.zeros(1).expand(1 << 20, 1 << 20)
    (folder / WEIGHTS).unlink()
    torch.save(tensors, folder / "sae.pt")
    assert "declares 1,099,511,627,776 values" in refusal(folder, allow_pickle=True)


def test_zip_bombs_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    np.savez_compressed(folder / "params.npz", W_enc=np.zeros(1 << 22, dtype=np.float32))
    assert "would unpack to" in refusal(folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (30 << 20))
    (folder / "params.npz").unlink()
    (folder / "sae.pt").write_bytes(buffer.getvalue())
    assert "would unpack to" in refusal(folder, allow_pickle=True)


def test_an_array_of_objects_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    np.savez(folder / "params.npz", W_enc=np.array([Runs(folder / "ran")], dtype=object))
    assert "dtype |O" in refusal(folder)
    assert not (folder / "ran").exists()


def test_a_header_reads_as_the_library_reads_it() -> None:
    path = ORACLE / "gated_none" / WEIGHTS
    header, tensors = safetensors_header(path), load_file(path)
    assert {name: info.shape for name, info in header.items()} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }


@pytest.mark.parametrize(
    "text", [b'{"a": "' + b'\\"' * 300_000, b'{"' + b"\\" * 500_001, b'"' * 900_001]
)
def test_the_scan_of_json_is_linear(text: bytes) -> None:
    began = time.process_time()
    with pytest.raises(InputError):
        parse_json(text, "x.json")
    assert time.process_time() - began < HANGS


def test_brackets_inside_strings_are_text() -> None:
    assert parse_json(json.dumps({"a": "[" * 100, 'b\\"': "}"}).encode(), "x")["a"] == "[" * 100


def test_mutated_files_open_equal_or_are_refused(folder: Path) -> None:
    """Files with a few bytes changed anywhere: no other exception than InputError.

    MUTATIONS in the environment sets how many files there are, per format.
    """
    randomness = random.Random(0)
    original = {name: (folder / name).read_bytes() for name in (WEIGHTS, CONFIG)}
    refused = 0
    for trial in range(4 * MUTATIONS):
        name = (WEIGHTS, CONFIG)[trial % 2]
        data = bytearray(original[name])
        end = 600 if trial % 4 == 0 else len(data)
        for _ in range(randomness.choice((1, 1, 2, 8))):
            data[randomness.randrange(end)] = randomness.randrange(256)
        if trial % 10 == 0:
            del data[randomness.randrange(len(data)) :]
        (folder / name).write_bytes(bytes(data))
        try:
            sae = load_sae(folder)
            assert sae.encode(torch.ones(2, sae.d_in)).isfinite().all()
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and str(error).endswith(".")
        (folder / name).write_bytes(original[name])
    assert refused > MUTATIONS / 2


def test_opening_maps_the_file_instead_of_copying_it(tmp_path: Path) -> None:
    weights = {"a": torch.randn(64, 64), "b": torch.randn(3)}
    save_file(weights, tmp_path / "a.safetensors")
    opened = open_tensors(tmp_path / "a.safetensors")
    assert {name: opened.load(name).tolist() for name in opened.tensors} == {
        name: tensor.tolist() for name, tensor in weights.items()
    }


def test_a_configuration_has_at_most_its_limit_of_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cfg.json"
    file.write_text('{"k": 12}')
    monkeypatch.setattr(checks, "MAX_JSON_BYTES", 9)
    assert read_json(file) == {"k": 12}
    monkeypatch.setattr(checks, "MAX_JSON_BYTES", 8)
    with pytest.raises(InputError, match="has 9 bytes, but"):
        read_json(file)


def test_json_is_nested_at_most_to_its_limit() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a": ' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    assert parse_json(nested(checks.MAX_JSON_DEPTH), "cfg.json")
    with pytest.raises(InputError, match="more than 32 levels"):
        parse_json(nested(checks.MAX_JSON_DEPTH + 1), "cfg.json")


@pytest.mark.parametrize("limit", ["MAX_HEADER_BYTES", "MAX_TENSORS"])
def test_a_header_has_at_most_its_limits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    file = folder / WEIGHTS
    size = struct.unpack("<Q", file.read_bytes()[:8])[0]
    exact = size if limit == "MAX_HEADER_BYTES" else len(safetensors_header(file))
    monkeypatch.setattr(checks, limit, exact)
    assert safetensors_header(file)
    monkeypatch.setattr(checks, limit, exact - 1)
    with pytest.raises(InputError, match=r"at most|between 1 and"):
        safetensors_header(file)


def test_an_archive_has_at_most_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "params.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(10_000))
        archive.writestr("b", b"")
    monkeypatch.setattr(checks, "MAX_ZIP_ENTRIES", 2)
    monkeypatch.setattr(checks, "MAX_ZIP_RATIO", 10_000 / file.stat().st_size)
    checks.zip_directory(file).close()
    monkeypatch.setattr(checks, "MAX_ZIP_RATIO", 9_999 / file.stat().st_size)
    with pytest.raises(InputError, match="would unpack to 10,000"):
        checks.zip_directory(file)
    monkeypatch.setattr(checks, "MAX_ZIP_ENTRIES", 1)
    with pytest.raises(InputError, match="has 2 entries"):
        checks.zip_directory(file)


def header_file(path: Path, header: bytes) -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


@pytest.mark.parametrize(("beyond", "is_read"), [(0, True), (1, False)])
def test_the_limits_of_files_are_as_documented(beyond: int, is_read: bool, tmp_path: Path) -> None:
    """256 KB of header with 512 tensors, 1 MB and 32 levels of JSON, and a pickle of 512 KB."""
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    padded = json.dumps({"a": entry}).encode().ljust((256 << 10) + beyond)
    many = json.dumps({f"t{i}": entry for i in range(512 + beyond)}).encode()
    config = tmp_path / "cfg.json"
    config.write_bytes(b"{}".ljust((1 << 20) + beyond))
    depth = 32 + beyond
    nested = b'{"a": ' * (depth - 1) + b"{}" + b"}" * (depth - 1)
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("data.pkl", bytes((512 << 10) + beyond))
    with zipfile.ZipFile(archive) as opened:
        for read in (
            lambda: safetensors_header(header_file(tmp_path / "padded", padded)),
            lambda: safetensors_header(header_file(tmp_path / "many", many)),
            lambda: read_json(config) == {},
            lambda: parse_json(nested, "cfg.json"),
            lambda: checks.read_pickle(archive, opened, "data.pkl"),
        ):
            if is_read:
                assert read()
            else:
                with pytest.raises(InputError):
                    read()


@pytest.mark.parametrize(("factor", "is_read"), [(7.9, True), (8.1, False)])
def test_an_archive_unpacks_to_at_most_eight_times_its_size(
    factor: float, is_read: bool, tmp_path: Path
) -> None:
    file = tmp_path / "a.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("noise", random.Random(0).randbytes(100_000))
        archive.writestr("zeros", bytes(int((factor - 1) * 100_000 + factor * 900)))
    if is_read:
        checks.zip_directory(file).close()
    else:
        with pytest.raises(InputError, match="would unpack to"):
            checks.zip_directory(file)


@pytest.mark.parametrize(("entries", "is_read"), [(4_096, True), (4_097, False)])
def test_an_archive_has_at_most_4096_entries(entries: int, is_read: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(entries):
            archive.writestr(f"{i}", b"")
    if is_read:
        checks.zip_directory(file).close()
    else:
        with pytest.raises(InputError, match="has 4,097 entries"):
            checks.zip_directory(file)


def test_a_tensor_has_at_most_four_dimensions(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(1, 1, 1, 2)}, file)
    assert safetensors_header(file)["a"].shape == (1, 1, 1, 2)
    save_file({"a": torch.ones(1, 1, 1, 1, 2)}, file)
    with pytest.raises(InputError, match="'a' is malformed"):
        safetensors_header(file)
