"""The records of explanation files: a latent, a text, and the SAE that they are of, if they say so.

Columns and keys are recognised in any case. `latent` is the id, else any of `LATENT_NAMES`; if
several of these differ, the file is refused, because which one is meant cannot be known. Of several
texts the first name in `TEXT_NAMES` counts. Records of Neuronpedia name their SAE (`modelId`,
`layer`), and those of other SAEs are left out.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analysis.runtime.errors import InputError

MOST_BYTES = 512 << 20
"""Largest size of all files together, and of one file unpacked."""
LATENT_NAMES = (
    "latent", "index", "feature", "latent_id", "feature_id", "latent_index", "feature_index",
)  # fmt: skip
TEXT_NAMES = ("label", "description", "explanation")
LIST_NAMES = ("explanations", "features", "latents", "data", "records")
"""Keys of an object that holds the records in a list."""
HOW = (
    "give CSV or Parquet with the columns latent, label, JSON or JSONL with index and "
    "description, or a folder of delphi's"
)
_DELPHI = re.compile(r"(.+)_latent(\d+)\.(?:txt|json)")
_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_DELIMITERS = ",;\t|"
_WHOLE = re.compile(r"\s*([+-]?\d{1,15})(?:\.0*)?\s*", re.ASCII)


@dataclass(frozen=True)
class SaeIdentity:
    """What explanations may call the SAE."""

    neuronpedia_id: str | None = None
    """Such as `gpt2-small/6-res-jb`."""
    layer: int | None = None
    """Of its hook point."""

    def is_named(self, name: str) -> bool | None:
        """Whether records of the name MODEL/LAYER-SAE are of this SAE; None if unknown."""
        if self.neuronpedia_id is not None:
            return name.casefold() == self.neuronpedia_id.casefold()
        number = re.match(r"(\d+)(?:-|$)", name.rsplit("/", 1)[-1])
        if number is None or self.layer is None:
            return None
        return int(number[1]) == self.layer


@dataclass(frozen=True)
class Record:
    """One explanation as it is stored."""

    latent: int
    text: str
    """Empty if the record has none."""
    place: str
    """For messages."""
    sae: str = ""
    """Such as `gpt2-small/6-res-jb`; empty if the record does not say."""


def explanation_files(path: Path, sae: SaeIdentity | None = None) -> list[Path]:
    """The files to read, in order. Raises InputError if there are none or they are too large."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; {HOW}.")
    files = _files_in(path, sae or SaeIdentity()) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: contains no file of explanations; {HOW}.")
    if sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES >> 20} MB; {HOW}.")
    return files


def _files_in(folder: Path, sae: SaeIdentity) -> list[Path]:
    """The files of a folder, else of the folders `explanations` of a bulk export below it."""
    if own := sorted(file for file in folder.iterdir() if _belongs(file)):
        return own
    below = sorted(f for f in folder.rglob("*") if f.name.lower().endswith(_JSON_LINES))
    files = [f for f in below if any(p.startswith("explanation") for p in f.parts)] or below
    wanted = f"/{sae.neuronpedia_id}/".casefold()
    return [file for file in files if wanted in file.as_posix().casefold()] or files


def _belongs(file: Path) -> bool:
    return bool(_DELPHI.fullmatch(file.name)) or file.name.lower().endswith(_JSON_LINES)


def read_records(path: Path, sae: SaeIdentity | None = None) -> Iterator[Record]:
    """Every record of the files.

    Raises InputError with the file and the line if one cannot be read, or if an id or a text is
    ambiguous.
    """
    files = explanation_files(path, sae)
    if path.is_dir() and _DELPHI.fullmatch(files[0].name):
        yield from _delphi(path, files)
        return
    for file in files:
        name = file.name.lower()
        if name.endswith(".parquet"):
            yield from _parquet(file)
        elif name.endswith(_TABLES):
            yield from _table(file)
        elif name.endswith(_JSON_LINES):
            yield from _json_lines(file)
        elif name.endswith((".json", ".json.gz")):
            yield from _json(file)
        else:
            raise InputError(f"{file}: not a known format; {HOW}.")


def _unreadable(file: Path, reason: str) -> InputError:
    return InputError(f"{file}: cannot be read as explanations: {reason}; {HOW}.")


def _parquet(file: Path) -> Iterator[Record]:
    opened = pq.ParquetFile(file, memory_map=True)
    meta = opened.metadata
    if sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)) > MOST_BYTES:
        raise InputError(f"{file}: unpacks to more than {MOST_BYTES >> 20} MB; {HOW}.")
    names = opened.schema_arrow.names
    wanted = [name for name in names if _known(name) in LATENT_NAMES + TEXT_NAMES]
    number = 0
    for batch in opened.iter_batches(batch_size=8_192, columns=wanted):
        for row in batch.to_pylist():
            number += 1
            yield _record(file, row, f"row {number}")


def _table(file: Path) -> Iterator[Record]:
    """CSV with any usual separator; rows of empty cells are passed over."""
    content = b"".join(_lines(file))
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(file, f"line {line} is not UTF-8") from error
    head = text.split("\n", 1)[0]
    separator = max(_DELIMITERS, key=lambda one: (_recognised(head, one), head.count(one)))
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    number = 1
    try:
        for row in rows:
            number = rows.line_num
            extra = row.pop(None, None)
            if any(value for value in row.values()) or any(extra or ()):
                yield _record(file, row, f"line {number}")
    except csv.Error as error:
        raise _unreadable(file, f"after line {number}, {error}") from error


def _recognised(head: str, separator: str) -> int:
    """How many columns of a header are known."""
    names = {_known(cell.strip('"')) for cell in head.split(separator)}
    return len(names & {*LATENT_NAMES, *TEXT_NAMES})


def _json_lines(file: Path) -> Iterator[Record]:
    for number, line in enumerate(_lines(file), start=1):
        if line.strip():
            try:
                content = json.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except (ValueError, RecursionError) as error:
                raise _unreadable(file, f"line {number} is not JSON") from error
            yield _record(file, content, f"line {number}")


def _json(file: Path) -> Iterator[Record]:
    """Records in a list, also in an object with one list, or a mapping from ids to texts."""
    try:
        content = json.loads(b"".join(_lines(file)).removeprefix(b"\xef\xbb\xbf"))
    except json.JSONDecodeError as error:
        raise _unreadable(file, f"line {error.lineno} is not JSON") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(file, "it is not JSON") from error
    if isinstance(content, dict):
        lists = [name for name in content if _known(name) in LIST_NAMES]
        if len(lists) == 1 and isinstance(content[lists[0]], list):
            content = content[lists[0]]
        else:
            content = [_of_mapping(latent, value) for latent, value in content.items()]
    if not isinstance(content, list):
        raise _unreadable(file, "it is neither a list nor a mapping")
    for number, record in enumerate(content, start=1):
        yield _record(file, record, f"record {number}")


def _of_mapping(latent: str, value: Any) -> dict[str, Any]:
    """The record of a key and its value: a text, a list of texts or an object."""
    if isinstance(value, dict):
        return {name: v for name, v in value.items() if _known(name) not in LATENT_NAMES} | {
            "latent": latent
        }
    return {"latent": latent, "label": value[0] if isinstance(value, list) and value else value}


def _delphi(folder: Path, files: Sequence[Path]) -> Iterator[Record]:
    """One file for each latent of one hook point."""
    hooks = set()
    for file in files:
        if (named := _DELPHI.fullmatch(file.name)) is None:
            continue
        hooks.add(named[1])
        if len(hooks) > 1:
            both = " and ".join(sorted(hooks))
            raise InputError(
                f"{folder}: contains several hook points, {both}; keep one in a folder."
            )
        try:
            content = json.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError) as error:
            raise _unreadable(file, "it is not JSON") from error
        text = content.get("explanation") if isinstance(content, dict) else content
        yield Record(int(named[2]), text if isinstance(text, str) else "", file.name)


def _known(name: object) -> str:
    """The name of a column as it is compared."""
    return re.sub(r"[\s-]+", "_", str(name).strip().casefold())


def _record(file: Path, row: Any, place: str) -> Record:
    """One record. Raises InputError if it has no id or no text, or more than one."""
    if not isinstance(row, dict):
        raise _unreadable(file, f"{place} has no named fields")
    fields = {_known(name): value for name, value in row.items()}
    latent = _latent(file, fields, place)
    nested = fields.get("explanations")
    if isinstance(nested, list):
        first = nested[0] if nested and isinstance(nested[0], dict) else {"description": ""}
        fields = {_known(name): value for name, value in first.items()}
    texts = {name: fields[name] for name in TEXT_NAMES if name in fields}
    if not texts:
        raise _unreadable(file, f"{place} has no text")
    given = {name: text for name, text in texts.items() if isinstance(text, str) and text.strip()}
    model, layer = fields.get("modelid"), fields.get("layer")
    named = isinstance(model, str) and isinstance(layer, str)
    return Record(
        latent,
        next(iter(given.values()), ""),
        f"{place} of {file.name}",
        f"{model}/{layer}" if named else "",
    )


def _latent(file: Path, fields: Mapping[str, Any], place: str) -> int:
    ids: dict[str, int] = {}
    for name in LATENT_NAMES:
        value = fields.get(name)
        if value is None or value == "":
            continue
        whole = _WHOLE.fullmatch(str(value))
        if whole is None or isinstance(value, bool):
            raise _unreadable(file, f"{place} has the id {str(value)[:40]!r} in `{name}`")
        ids[name] = int(whole[1])
    if not ids:
        raise _unreadable(file, f"{place} has no id")
    if len(set(ids.values())) > 1 and "latent" not in ids:
        names = " and ".join(f"`{name}`" for name in ids)
        raise InputError(
            f"{file}: {place} has different ids in {names}, and either may be meant; rename the "
            "column of the ids to latent."
        )
    return next(iter(ids.values()))


def _lines(file: Path) -> Iterable[bytes]:
    """The lines of a file, unpacked if it is gzipped. Raises InputError beyond MOST_BYTES."""
    left = MOST_BYTES
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        while line := opened.readline(left + 1):
            left -= len(line)
            if left < 0:
                raise InputError(f"{file}: unpacks to more than {MOST_BYTES >> 20} MB; {HOW}.")
            yield line
