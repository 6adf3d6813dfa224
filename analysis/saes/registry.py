"""The supported formats, one line each, in the order in which they are tried.

To add a format, write a module with `matches(saved) -> bool` and `read(saved, options) ->
SparseAutoencoder`, then add its line to FORMATS. `matches` decides by tensor names and
configuration keys, not only by the folder's name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.runtime.errors import InputError
from analysis.saes import (
    batch_topk,
    circuit_tracer,
    dictionary_learning,
    gemma_scope,
    llama_scope,
    llamascopium,
    matryoshka,
    openai,
    qwen_scope,
    refused,
    saelens,
    sparsify,
    two_layers,
)
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class Format:
    """How one format is recognised and read."""

    name: str
    title: str
    matches: Callable[[Saved], bool]
    read: Callable[[Saved, Options], SparseAutoencoder]


FORMATS = (
    Format("saelens", "SAELens", saelens.matches, saelens.read),
    Format("sparsify", "EleutherAI sparsify", sparsify.matches, sparsify.read),
    Format("llama_scope", "Llama Scope", llama_scope.matches, llama_scope.read),
    Format("llama_scope_r1", "Llama Scope R1", llama_scope.matches_r1, llama_scope.read_r1),
    Format("llamascopium", "Llamascopium", llamascopium.matches, llamascopium.read),
    Format("matryoshka", "matryoshka-saes", matryoshka.matches, matryoshka.read),
    Format("batch_topk", "BatchTopK", batch_topk.matches, batch_topk.read),
    Format("neel", "Neel / connor_rob", batch_topk.matches_older, batch_topk.read_older),
    Format("gemma_scope_2", "Gemma Scope 2", gemma_scope.matches_second, gemma_scope.read_second),
    Format(
        "dictionary_learning",
        "dictionary_learning",
        dictionary_learning.matches,
        dictionary_learning.read,
    ),
    Format("gemma_scope", "Gemma Scope", gemma_scope.matches_first, gemma_scope.read_first),
    Format("openai", "OpenAI", openai.matches, openai.read),
    Format("goodfire", "Goodfire", two_layers.matches_goodfire, two_layers.read_goodfire),
    Format("e2e_sae", "e2e_sae", two_layers.matches_e2e, two_layers.read_e2e),
    Format(
        "deepseek_r1", "DeepSeek-R1", two_layers.matches_deepseek_r1, two_layers.read_deepseek_r1
    ),
    Format("circuit_tracer", "circuit-tracer", circuit_tracer.matches, circuit_tracer.read),
    Format("qwen_scope", "Qwen Scope", qwen_scope.matches, qwen_scope.read),
)


def format_of(saved: Saved, name: str | None = None) -> Format:
    """The format with this name, or the first one that matches.

    Raises InputError if there is none.
    """
    if name is not None:
        chosen = next((entry for entry in FORMATS if entry.name == name), None)
        if chosen is None:
            raise InputError(
                f"{saved.path}: the format {name[:40]!r} is unknown; supported formats are "
                f"{', '.join(entry.name for entry in FORMATS)}."
            )
        return chosen
    reason = refused.reason(saved)
    if reason is not None:
        raise InputError(f"{saved.path}: this cannot be analysed: {reason}.")
    matching = next((entry for entry in FORMATS if entry.matches(saved)), None)
    if matching is None:
        raise InputError(_unknown(saved))
    return matching


def _unknown(saved: Saved) -> str:
    """The error message for content that matches no format."""
    if saved.config_path is None and saved.has("W_dec", "b_dec"):
        return (
            f"{saved.path}: there is no cfg.json or config.json next to the weights, so it is "
            "unknown how they encode; copy the whole folder, or name the format with --format."
        )
    config = "no configuration" if saved.config_path is None else saved.config_path.name
    return (
        f"{saved.path}: no known format has these tensors ({saved.weights.names()}) and {config}; "
        "name the format with --format if you know it."
    )
