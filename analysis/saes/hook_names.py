"""The hook point that a file or a Hugging Face module name states, in TransformerLens spelling."""

import re


def layer_in(name: str, pattern: str) -> int | None:
    """The layer number in a file or folder name; the one group of `pattern` matches it."""
    match = re.search(pattern, name)
    return int(match[1]) if match else None


HF_SITES = (
    (r"layers\.(\d+)(?:\.output)?$", "blocks.{}.hook_resid_post"),
    (r"h\.(\d+)(?:\.output)?$", "blocks.{}.hook_resid_post"),
    (r"(?:layers|h)\.(\d+)\.mlp(?:\.output)?$", "blocks.{}.hook_mlp_out"),
    (r"(?:layers|h)\.(\d+)\.mlp\.input$", "blocks.{}.mlp.hook_in"),
    (r"layers\.(\d+)\.post_feedforward_layernorm(?:\.output)?$", "blocks.{}.hook_mlp_out"),
    (r"layers\.(\d+)\.pre_feedforward_layernorm(?:\.output)?$", "blocks.{}.ln2.hook_normalized"),
    (r"(?:layers|h)\.(\d+)\.(?:self_attn|attn|attention)(?:\.output)?$", "blocks.{}.hook_attn_out"),
    (r"layers\.(\d+)\.self_attn\.o_proj\.input$", "blocks.{}.attn.hook_z"),
    (r"embed_tokens$|wte$", "hook_embed"),
)


def hook_point_of_module(module: str) -> str | None:
    """TransformerLens spelling of a module's output (or `….input`); None if it is unknown."""
    for pattern, name in HF_SITES:
        match = re.search(pattern, module)
        if match:
            return name.format(*match.groups())
    return None
