"""Where a saved SAE is: on disk, in a Hugging Face repository, or in SAELens' table of releases.

- `path/to/folder`, `path/to/file`
- `org/repo:folder@revision`, of which the folder or the revision may be left out but not both, so
  that a mistyped local path is never looked up on a server
- `release:id` of SAELens, such as `gpt2-small-res-jb:blocks.8.hook_resid_pre`, where the package
  sae-lens is installed; its table also knows what a folder alone may not say (centring, a lost
  input scale)
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.runtime.errors import InputError
from analysis.saes.saved import CONFIG_NAMES, WEIGHTS_SUFFIXES

REPOSITORY = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+?)(?::(?P<folder>[^@]*))?(?:@(?P<revision>[\w./-]+))?"
)
RELEASE = re.compile(r"(?P<release>[\w.-]+):(?P<id>.+)")


@dataclass(frozen=True)
class Source:
    """A path on this machine, and what is known about it from elsewhere."""

    path: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace those of the configuration."""


def find(text: str | Path) -> Source:
    """The place that a path, a repository or a release names, downloaded where needed.

    Raises InputError when a repository cannot be reached or holds nothing of that name. A local
    path is returned as it is, whether it exists or not.
    """
    path = Path(text)
    if isinstance(text, Path) or path.exists():
        return Source(path)
    repository = REPOSITORY.fullmatch(text)
    if repository and (repository["folder"] is not None or repository["revision"]):
        folder, revision = repository["folder"] or "", repository["revision"]
        return Source(from_hub(repository["repo"], folder.rstrip("/"), revision))
    release = RELEASE.fullmatch(text)
    return from_release(release["release"], release["id"]) if release else Source(path)


def from_hub(repo: str, folder: str, revision: str | None) -> Path:
    """A folder (or one weights file) of a Hugging Face repository, in the local cache.

    Without a folder only the files at the repository's top are fetched, as many repositories hold
    a hundred SAEs in theirs. InputError: the hub has no such thing, or cannot be reached.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # slow, and only needed here

    place = PurePosixPath(folder)
    if ".." in place.parts or place.is_absolute():
        raise InputError(f"{repo}:{folder}: a folder inside the repository is needed.")
    try:
        snapshot = snapshot_download(
            repo,
            revision=revision,
            allow_patterns=_patterns(place) if folder else None,
            ignore_patterns=None if folder else "*/*",
        )
    except Exception as error:  # the client raises its own, the HTTP library's and the system's
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputError(
            f"{repo}: Hugging Face could not give {folder or 'it'} at {revision or 'main'} "
            f"({type(error).__name__}: {reason}), so check the name and the network, or download "
            "the folder and give its path."
        ) from None
    found = Path(snapshot) / folder
    names = [entry.name for entry in found.iterdir()] if found.is_dir() else []
    if not found.is_file() and not (names if folder else _weights_among(names)):
        raise InputError(
            f"{repo}: there is no {folder or 'saved SAE'} at {revision or 'main'}; "
            f"{_folders(repo, revision)}."
        )
    return found


def _patterns(place: PurePosixPath) -> list[str]:
    """What to fetch for a folder or a weights file: that, and the configuration beside or above."""
    beside = place.parent
    if place.suffix not in WEIGHTS_SUFFIXES:
        return [f"{place}/*", *(str(beside / name) for name in CONFIG_NAMES)]
    patterns = [str(place), str(beside / f"{place.stem}_cfg.json")]
    above = [beside.parent] if beside.name == "checkpoints" else []
    return patterns + [str(folder / name) for folder in (beside, *above) for name in CONFIG_NAMES]


def _weights_among(names: Iterable[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).suffix in WEIGHTS_SUFFIXES]


def _folders(repo: str, revision: str | None) -> str:
    """The folders at the top of a repository, in words."""
    from huggingface_hub import HfApi  # noqa: PLC0415  # as above

    try:
        files = HfApi().list_repo_files(repo, revision=revision)
    except Exception:  # the client raises its own, the HTTP library's and the system's
        return "look at the repository for its folders"
    folders = sorted({name.split("/")[0] for name in files if "/" in name})
    shown = ", ".join(folders[:5]) + (f" and {len(folders) - 5} more" if len(folders) > 5 else "")
    return f"its folders are {shown}" if folders else "it has no folders"


def from_release(release: str, sae_id: str) -> Source:
    """An SAE by SAELens' release and id, looked up in the table of the installed sae-lens."""
    entry = _releases(release).get(release)
    if not isinstance(entry, dict):
        raise InputError(f"{release}: SAELens' table has no such release; check its spelling.")
    saes = {str(sae.get("id")): sae for sae in entry.get("saes", [])}
    if sae_id not in saes:
        known = ", ".join(list(saes)[:5])
        raise InputError(
            f"{release}: it has no SAE called {sae_id[:80]!r}; it begins with {known}."
        )
    overrides = dict(entry.get("config_overrides") or {})
    scale = saes[sae_id].get("norm_scaling_factor")
    overrides |= {} if scale is None else {"norm_scaling_factor": scale}
    l0 = saes[sae_id].get("l0")
    overrides |= {} if l0 is None else {"advertised_l0": l0}
    path = from_hub(str(entry["repo_id"]), str(saes[sae_id]["path"]), None)
    return Source(path, overrides)


def _releases(release: str) -> dict[str, Any]:
    """SAELens' table of releases, read without importing the package."""
    spec = find_spec("sae_lens")
    places = list(spec.submodule_search_locations or []) if spec else []
    table = Path(places[0]) / "pretrained_saes.yaml" if places else None
    if table is None or not table.is_file():
        raise InputError(
            f"{release}: there is no such path, and for a SAELens release the package sae-lens "
            "must be installed (pip install sae-lens), or write org/repo:folder@revision instead."
        )
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  # only needed here

    with table.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(
            file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    return loaded
