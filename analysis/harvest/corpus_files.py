"""Which files of a folder are the corpus: those that its manifest names, else those of one split.

Read in this order: `dataset_dict.json` and `state.json` (`datasets.save_to_disk`: other files, such
as the `cache-*.arrow` of `map`, are no data), the `configs` at the top of `README.md` (hub), and
names: `data/train-00000-of-00002.parquet`, `test.jsonl`, `validation/0.parquet`. Splits are never
merged. Source: `datasets` 4, `arrow_dataset.py`, `dataset_dict.py` and `data_files.py`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import yaml  # type: ignore[import-untyped]

from analysis.runtime.errors import InputError

TEXT = (".txt", ".md", ".text")
"""Suffixes of files that are one document each."""
SUFFIXES = (".arrow", ".parquet", ".jsonl", ".ndjson", ".json", *TEXT)
PACKED = (".gz", ".zst")
FORMATS = (".txt", ".jsonl", ".parquet", ".arrow")
"""For messages."""
_ORDER = ((".arrow",), (".parquet",), (".jsonl", ".ndjson"), (".json",), TEXT)
"""Of several kinds of files in a folder, the first is read."""
_ABOUT = re.compile(
    r"(dataset_dict|dataset_infos?|state|sae_lens|config|cfg|package|tokenizer\w*)\.json"
    r"|(readme|licen[cs]e|changelog)\b.*",
    re.IGNORECASE,
)
_LEFTOVER = re.compile(r"(cache-|tmp).*|.*\.(lock|incomplete)")
_NUMBERED = re.compile(r"(.+?)-\d{3,}-of-\d{3,}(?:-[0-9a-f]+)?")
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_MOST_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus, on this machine or elsewhere."""

    name: str
    """Where it is, for messages."""
    relative: str
    """Its path in the folder, with `/`."""
    open: Callable[[], BinaryIO] = field(repr=False)
    size: int
    """Bytes."""
    local: Path | None = None
    """None if it is on another machine."""

    @property
    def packing(self) -> str:
        """`.gz`, `.zst` or nothing."""
        suffix = PurePosixPath(self.relative).suffix.lower()
        return suffix if suffix in PACKED else ""

    @property
    def kind(self) -> str:
        """The suffix that tells its format, in lower case."""
        name = self.relative[: -len(self.packing)] if self.packing else self.relative
        return PurePosixPath(name).suffix.lower()

    @property
    def stem(self) -> str:
        """Its name without suffixes."""
        name = PurePosixPath(self.relative).name
        return name[: len(name) - len(self.kind) - len(self.packing)]


@dataclass(frozen=True)
class ChosenFiles:
    """The files of a corpus, in order, and what was chosen without being asked for."""

    files: tuple[CorpusFile, ...]
    notes: tuple[str, ...] = ()


def local_file(path: Path, folder: Path | None = None) -> CorpusFile:
    """A file of this machine."""
    relative = path.relative_to(folder).as_posix() if folder else path.name
    return CorpusFile(str(path), relative, lambda: path.open("rb"), path.stat().st_size, path)


def local_files(folder: Path) -> dict[str, CorpusFile]:
    """Every file below a folder by its relative path, without those in hidden folders."""
    files = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not any(part.startswith(".") for part in inside.parts) and path.is_file():
            files[inside.as_posix()] = local_file(path, folder)
    return files


def choose_files(
    folder: str, files: Mapping[str, CorpusFile], split: str | None = None
) -> ChosenFiles:
    """The files of one split: the one that is named, else the only one, else `train`.

    Raises InputError if there is none, the split is unknown, or none of several is `train`.
    """
    files = _in_snapshot(files)
    splits = _saved(folder, files) or _configured(folder, files)
    notes: list[str] = []
    if splits is None:
        splits, notes = _by_name(folder, files)
    if not any(splits.values()):
        raise InputError(
            f"The folder {folder} holds no .arrow, .parquet, .jsonl or .txt file: give a corpus "
            "file or a dataset saved to disk."
        )
    name = _chosen_split(folder, splits, split)
    if len(splits) > 1 and split is None:
        others = ", ".join(other or "files of no split" for other in splits if other != name)
        notes.append(f"Of the splits, {name} is read ({others} is not; choose with --split).")
    return ChosenFiles(tuple(splits[name]), tuple(notes))


def _chosen_split(folder: str, splits: Mapping[str, Any], split: str | None) -> str:
    named = ", ".join(name for name in splits if name)
    if split is not None:
        if split in splits:
            return split
        raise InputError(
            f"{folder}: has no split {split} (its splits: {named or 'none'}); choose another "
            "--split or leave it out."
        )
    if len(splits) == 1:
        return next(iter(splits))
    if "train" in splits and "" not in splits:
        return "train"
    if "" in splits:
        extra = splits[""][0].relative
        raise InputError(
            f"{folder}: holds the splits {named} and files of none, such as {extra}; choose with "
            "--split, or give one file."
        )
    raise InputError(f"{folder}: holds the splits {named}; choose one with --split.")


def _in_snapshot(files: Mapping[str, CorpusFile]) -> Mapping[str, CorpusFile]:
    """The files of the snapshot that `refs/main` names, in a folder of the hub's cache."""
    if "refs/main" not in files:
        return files
    with files["refs/main"].open() as opened:
        inside = f"snapshots/{opened.read(100).decode('ascii', 'replace').strip()}/"
    return {
        name.removeprefix(inside): file for name, file in files.items() if name.startswith(inside)
    } or files


def _saved(folder: str, files: Mapping[str, CorpusFile]) -> dict[str, list[CorpusFile]] | None:
    """The splits of a dataset or dictionary of datasets of `save_to_disk`; None for another."""
    if "dataset_dict.json" in files:
        listed = _json(files["dataset_dict.json"]).get("splits")
        names = [name for name in listed if isinstance(name, str)] if listed else []
        return {name: _of_state(folder, files, f"{name}/") for name in names}
    if "state.json" in files and "_data_files" in (state := _json(files["state.json"])):
        own = state.get("_split")
        return {own if isinstance(own, str) else "": _of_state(folder, files, "")}
    return None


def _of_state(folder: str, files: Mapping[str, CorpusFile], below: str) -> list[CorpusFile]:
    state = files.get(f"{below}state.json")
    listed = _json(state).get("_data_files") if state else None
    if not isinstance(listed, list):
        inside = {n: f for n, f in files.items() if n.startswith(below)}
        return [file for file in _data(inside) if file.relative.count("/") == below.count("/")]
    names = [one.get("filename") for one in listed if isinstance(one, dict)]
    missing = [name for name in names if f"{below}{name}" not in files]
    if missing:
        raise InputError(
            f"{folder}: its {below}state.json names {missing[0]}, which is not there; copy the "
            "whole dataset again."
        )
    return [files[f"{below}{name}"] for name in names]


def _configured(folder: str, files: Mapping[str, CorpusFile]) -> dict[str, list[CorpusFile]] | None:
    """The splits that the `configs` of a README.md name; None without them."""
    if "README.md" not in files:
        return None
    with files["README.md"].open() as opened:
        text = opened.read(_MOST_MANIFEST_BYTES).decode("utf-8", "replace")
    head = re.match(r"---\r?\n(.*?)\n---", text, re.DOTALL)
    try:
        about = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        about = None
    configs = about.get("configs") if isinstance(about, dict) else None
    configs = [one for one in configs or [] if isinstance(one, dict) and one.get("data_files")]
    if not configs:
        return None
    if len(configs) > 1:
        default = [one for one in configs if one.get("default")]
        if len(default) != 1:
            names = ", ".join(str(one.get("config_name")) for one in configs[:8])
            raise InputError(
                f"{folder}: holds {len(configs)} datasets ({names}); give the folder or the files "
                "of one."
            )
        configs = default
    base = str(configs[0].get("data_dir") or "").strip("./")
    splits = {
        name: _matching(files, [f"{base}/{p}" if base else p for p in patterns])
        for name, patterns in _patterns(configs[0]["data_files"]).items()
    }
    return {name: chosen for name, chosen in splits.items() if chosen} or None


def _patterns(listed: Any) -> dict[str, list[str]]:
    """Glob patterns by split; those without a split belong to `train`, as in `datasets`."""
    if isinstance(listed, str):
        return {"train": [listed]}
    if isinstance(listed, dict):
        return {str(name): _strings(value) for name, value in listed.items()}
    splits: dict[str, list[str]] = {}
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            splits.setdefault(str(one.get("split", "train")), []).extend(_strings(one.get("path")))
        else:
            splits.setdefault("train", []).extend(_strings(one))
    return splits


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def _matching(files: Mapping[str, CorpusFile], patterns: Iterable[str]) -> list[CorpusFile]:
    wanted = [pattern.removeprefix("./").replace("**/", "*") for pattern in patterns]
    return [f for name, f in files.items() if any(fnmatchcase(name, one) for one in wanted)]


def _data(files: Mapping[str, CorpusFile]) -> list[CorpusFile]:
    """The files of the first kind that occurs, without manifests and leftovers."""
    known = [file for file in files.values() if file.kind in SUFFIXES and _is_data(file)]
    for kinds in _ORDER:
        if chosen := [file for file in known if file.kind in kinds]:
            return chosen
    return []


def _is_data(file: CorpusFile) -> bool:
    name = PurePosixPath(file.relative).name
    return not (_ABOUT.fullmatch(name) or _LEFTOVER.fullmatch(name))


def _by_name(
    folder: str, files: Mapping[str, CorpusFile]
) -> tuple[dict[str, list[CorpusFile]], list[str]]:
    """The splits of a folder without a manifest, and what was left out."""
    data = _data(files)
    others = [f for f in files.values() if f.kind in SUFFIXES and _is_data(f) and f not in data]
    notes = []
    if others:
        notes.append(
            f"Of {folder}, the {len(data)} {data[0].kind} files are read and {len(others)} others, "
            f"such as {others[0].relative}, are not."
        )
    splits: dict[str, list[CorpusFile]] = {}
    for file in data:
        splits.setdefault(split_of(file.relative), []).append(file)
    if "" in splits and all(file.kind in TEXT for file in data):
        return {"": data}, notes  # in a folder of texts, test.txt is one of them
    return splits, notes


def split_of(relative: str) -> str:
    """The split that a path names, or nothing: that of the file's name, else of a folder."""
    path = PurePosixPath(relative)
    stem = path.name.split(".", 1)[0]
    if (numbered := _NUMBERED.fullmatch(stem)) is not None:
        own = numbered[1].rsplit("-", 1)[-1]
        if own not in ("data", "part", "shard", "file", "chunk"):
            return own
    for part in (stem, *reversed(path.parts[:-1])):
        words = set(re.split(r"[^A-Za-z]+", part.lower()))
        for split, names in _SPLIT_WORDS.items():
            if words & set(names):
                return split
    return ""


def _json(file: CorpusFile) -> dict[str, Any]:
    try:
        with file.open() as opened:
            content = json.loads(opened.read(_MOST_MANIFEST_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.name}: is not JSON; save the dataset again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{file.name}: is not a JSON object; save the dataset again.")
    return content
