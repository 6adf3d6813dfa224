"""Convert a Vega-Lite specification to PNG or SVG, in a job process.

vl-convert runs JavaScript inside the process. A specification that is too large ends the process
without an exception, so it never runs in the server.
"""

from pathlib import Path
from typing import Any, Literal

Drawn = Literal["png", "svg", "javascript"]
FONTS = Path(__file__).parent / "fonts"


def convert(kind: Drawn, spec: dict[str, Any], scale: float) -> bytes:
    """A specification as a picture; `javascript` is the script that draws any of them."""
    # Imported here because the server never needs it.
    import vl_convert  # noqa: PLC0415

    if FONTS.is_dir():
        vl_convert.register_font_directory(str(FONTS))
    if kind == "png":
        return vl_convert.vegalite_to_png(spec, scale=scale, allowed_base_urls=[])
    if kind == "svg":
        return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]).encode()
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()
