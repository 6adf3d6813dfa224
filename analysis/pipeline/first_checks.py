"""What can be refused at once, before torch, the SAE or the model is loaded."""

from pathlib import Path

from analysis.harvest.corpus import CorpusChoice, read_corpus
from analysis.harvest.hooks import parse_hook_point
from analysis.labels.explanation_records import explanation_files
from analysis.runtime.errors import InputError
from analysis.settings import BuildRequest


def check_request(request: BuildRequest) -> None:
    """Raises InputError if inputs are missing, contradict each other or cannot be opened."""
    check_inputs(request)
    if request.hook is not None:
        parse_hook_point(request.hook)
    if request.labels.explanations is not None:
        explanation_files(request.labels.explanations)
    for file in (request.activations, request.tokens_file):
        if file is not None and not file.is_file():
            raise InputError(f"{file}: there is no such file; give a Parquet file.")
    if request.model is not None and _is_path(request.model):
        raise InputError(
            f"There is no model at {request.model}: give a folder, a GGUF file or a hub id."
        )
    if request.corpus is not None:
        next(read_corpus(request.corpus, CorpusChoice(request.split, request.text_column)))


def check_inputs(request: BuildRequest) -> None:
    """Raises InputError unless exactly one of the two kinds of input is given, whole."""
    if request.activations is not None:
        if request.model is not None or request.corpus is not None:
            raise InputError("Give either --activations or --model with --corpus, not both.")
        if request.split is not None or request.text_column is not None:
            raise InputError("--split and --text-column need --corpus, not --activations.")
        return
    if request.tokens_file is not None:
        raise InputError("--tokens-file has a meaning with --activations only; leave it out.")
    if request.model is None or request.corpus is None:
        given = [f"--{name}" for name in ("model", "corpus") if getattr(request, name) is not None]
        raise InputError(
            f"Incomplete input ({', '.join(given) or 'nothing'} is given); give both --model "
            "and --corpus, or --activations with a file of activations from another program."
        )


def _is_path(model: str) -> bool:
    """Whether a name can only be a path, and nothing is there."""
    path = Path(model).expanduser()
    looks = model.startswith(("/", "./", "../", "~")) or model.count("/") > 1
    return looks and not path.exists()
