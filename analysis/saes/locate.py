"""Find a saved SAE: on disk, in a Hugging Face repository, or in SAELens' table of releases.

- `path/to/folder`, `path/to/file`
- `org/repo:folder@revision`; the folder or the revision is optional, but not both, so that a
  mistyped local path is never looked up on a server
- `release:id` of SAELens, such as `gpt2-small-res-jb:blocks.8.hook_resid_pre`, if the package
  sae-lens is installed; its table adds settings that the folder may lack (centring, a lost input
  scale)
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
class LocatedSae:
    """The local path of a saved SAE, and settings for it from SAELens' table."""

    path: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings that replace those of the configuration file."""


def locate_sae(text: str | Path) -> LocatedSae:
    """Locate the saved SAE of a path, a repository or a release; download it if necessary.

    A local path is returned unchanged, whether it exists or not. Raises InputError if a repository
    cannot be reached, or it holds no SAE of that name.
    """
    path = Path(text)
    if isinstance(text, Path) or path.exists():
        return LocatedSae(path)
    repository = REPOSITORY.fullmatch(text)
    if repository and (repository["folder"] is not None or repository["revision"]):
        folder, revision = repository["folder"] or "", repository["revision"]
        return LocatedSae(from_hub(repository["repo"], folder.rstrip("/"), revision))
    release = RELEASE.fullmatch(text)
    return from_release(release["release"], release["id"]) if release else LocatedSae(path)


def from_hub(repo: str, folder: str, revision: str | None) -> Path:
    """Download a folder (or one weights file) of a Hugging Face repository to the local cache.

    Without a folder only the files at the top of the repository are downloaded, because many
    repositories hold a hundred SAEs in folders. Raises InputError if the hub cannot be reached, or
    holds no such repository, revision or folder.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # slow, and only needed here

    place = PurePosixPath(folder)
    if ".." in place.parts or place.is_absolute():
        raise InputError(
            f"{repo}:{folder}: this folder is outside the repository; give one inside it."
        )
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
            f"{repo}: {folder or 'it'} at {revision or 'main'} cannot be downloaded from Hugging "
            f"Face ({type(error).__name__}: {reason}); check the name and the network, or download "
            "the folder and give its path."
        ) from None
    local = Path(snapshot) / folder
    names = [entry.name for entry in local.iterdir()] if local.is_dir() else []
    if not local.is_file() and not (names if folder else _weights_among(names)):
        raise InputError(
            f"{repo}: there is no {folder or 'saved SAE'} at {revision or 'main'}; "
            f"{_folders(repo, revision)}."
        )
    return local


def _patterns(place: PurePosixPath) -> list[str]:
    """File patterns to download for a folder or weights file, configuration files included."""
    parent = place.parent
    if place.suffix not in WEIGHTS_SUFFIXES:
        return [f"{place}/*", *(str(parent / name) for name in CONFIG_NAMES)]
    patterns = [str(place), str(parent / f"{place.stem}_cfg.json")]
    above = [parent.parent] if parent.name == "checkpoints" else []
    return patterns + [str(folder / name) for folder in (parent, *above) for name in CONFIG_NAMES]


def _weights_among(names: Iterable[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).suffix in WEIGHTS_SUFFIXES]


def _folders(repo: str, revision: str | None) -> str:
    """A phrase that names the folders at the top of a repository."""
    from huggingface_hub import HfApi  # noqa: PLC0415  # as above

    try:
        files = HfApi().list_repo_files(repo, revision=revision)
    except Exception:  # the client raises its own, the HTTP library's and the system's
        return "look up its folders on Hugging Face"
    folders = sorted({name.split("/")[0] for name in files if "/" in name})
    shown = ", ".join(folders[:5]) + (f" and {len(folders) - 5} more" if len(folders) > 5 else "")
    return f"its folders are {shown}" if folders else "it has no folders"


def from_release(release: str, sae_id: str) -> LocatedSae:
    """Locate the SAE of a SAELens release and id in the table of the installed package sae-lens.

    Raises InputError if there is no such release or SAE, or sae-lens is not installed.
    """
    entry = _releases(release).get(release)
    if not isinstance(entry, dict):
        raise InputError(f"{release}: SAELens' table has no such release; check the spelling.")
    saes = {str(sae.get("id")): sae for sae in entry.get("saes", [])}
    if sae_id not in saes:
        examples = ", ".join(list(saes)[:5])
        raise InputError(
            f"{release}: it has no SAE called {sae_id[:80]!r}; give one of its ids, such as "
            f"{examples}."
        )
    overrides = dict(entry.get("config_overrides") or {})
    scale = saes[sae_id].get("norm_scaling_factor")
    overrides |= {} if scale is None else {"norm_scaling_factor": scale}
    l0 = saes[sae_id].get("l0")
    overrides |= {} if l0 is None else {"advertised_l0": l0}
    path = from_hub(str(entry["repo_id"]), str(saes[sae_id]["path"]), None)
    return LocatedSae(path, overrides)


def _releases(release: str) -> dict[str, Any]:
    """SAELens' table of releases, read without importing the package."""
    spec = find_spec("sae_lens")
    places = list(spec.submodule_search_locations or []) if spec else []
    table = Path(places[0]) / "pretrained_saes.yaml" if places else None
    if table is None or not table.is_file():
        raise InputError(
            f"{release}: there is no such path; for a SAELens release install the package sae-lens "
            "(pip install sae-lens), or give org/repo:folder@revision."
        )
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  # only needed here

    with table.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(
            file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    return loaded
