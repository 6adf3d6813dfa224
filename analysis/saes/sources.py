"""Where a saved SAE is: on disk, in a Hugging Face repository, or in SAELens' table of releases.

- `path/to/folder`, `path/to/file`
- `org/repo:folder@revision`, of which the folder or the revision may be left out but not both, so
  that a mistyped local path is never looked up on a server
- `release:id` of SAELens, such as `gpt2-small-res-jb:blocks.8.hook_resid_pre`, where the package
  sae-lens is installed; its table also knows what a folder alone may not say (centring, a lost
  input scale)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.errors import InputError
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
        return Source(from_hub(repository["repo"], folder.strip("/"), revision))
    release = RELEASE.fullmatch(text)
    return from_release(release["release"], release["id"]) if release else Source(path)


def from_hub(repo: str, folder: str, revision: str | None) -> Path:
    """A folder (or one weights file) of a Hugging Face repository, in the local cache."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # slow, and only needed here

    place = PurePosixPath(folder)
    if ".." in place.parts or place.is_absolute():
        raise InputError(f"{repo}:{folder}: a folder inside the repository is needed.")
    if place.suffix in WEIGHTS_SUFFIXES:
        patterns = [folder, str(place.with_name(f"{place.stem}_cfg.json"))]
        patterns += [str(place.with_name(name)) for name in CONFIG_NAMES]
    else:
        patterns = [f"{folder}/*" if folder else "*"]
        patterns += [str(place.parent / name) for name in CONFIG_NAMES] if folder else []
    try:
        snapshot = snapshot_download(repo, revision=revision, allow_patterns=patterns)
    except Exception as error:  # the client raises its own, the HTTP library's and the system's
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputError(
            f"{repo}: Hugging Face could not give {folder or 'it'} at {revision or 'main'} "
            f"({type(error).__name__}: {reason}), so check the name and the network, or download "
            "the folder and give its path."
        ) from None
    return Path(snapshot) / folder


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
