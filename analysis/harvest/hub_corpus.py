"""The files of a dataset on the Hugging Face hub, streamed: nothing of it is stored.

`org/name` is the newest commit, `org/name@revision` another. Files are read over HTTP by
`huggingface_hub`; the commit is fixed when they are listed.
"""

import os
import re
from functools import lru_cache
from typing import Any, BinaryIO, cast

from analysis.harvest.corpus_files import CorpusFile
from analysis.runtime.errors import InputError

_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w./-]+))?", re.ASCII)
_OF_FILES = re.compile(r".*\.(txt|md|jsonl|ndjson|json|parquet|arrow|csv|gz|zst)", re.IGNORECASE)


def repository_named(name: str) -> str | None:
    """The id of a dataset that a name may be; None if it looks like a path."""
    return name if _ID.fullmatch(name) and not _OF_FILES.fullmatch(name) else None


@lru_cache(maxsize=4)
def repository_files(repository: str) -> dict[str, CorpusFile]:
    """Every file of a dataset by its relative path, at one commit.

    Raises InputError if the hub cannot be reached or has no such dataset.
    """
    from huggingface_hub import HfApi, HfFileSystem  # noqa: PLC0415 - only a hub id needs it

    match = _ID.fullmatch(repository)
    name, revision = match.groups() if match else (repository, None)
    try:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        about = api.dataset_info(name, revision=revision, files_metadata=True, timeout=8)
    except Exception as error:  # a class each for offline, unknown and gated datasets
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".:")
        raise InputError(
            f"{repository} is not a file or folder, and no dataset of that name could be read from "
            f"the Hugging Face hub ({reason}): give a path or the id of a dataset."
        ) from error
    system = HfFileSystem(endpoint=api.endpoint)
    return {
        file.rfilename: _remote(system, f"datasets/{name}@{about.sha}/{file.rfilename}", file)
        for file in about.siblings or []
    }


def _remote(system: Any, name: str, file: Any) -> CorpusFile:
    def opened() -> BinaryIO:
        try:
            return cast(BinaryIO, system.open(name, "rb"))
        except Exception as error:
            raise OSError(f"{name} cannot be opened") from error

    return CorpusFile(f"hf://{name}", file.rfilename, opened, file.size or 0)
