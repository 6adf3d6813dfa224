"""Worker script that converts a Vega-Lite specification to PNG or SVG.

vl-convert runs JavaScript inside the process. A specification that is too large ends the process
without an exception, so it runs in a process separate from the server. The script reads a JSON job
from standard input and writes the picture to standard output.
"""

import json
import os
import sys

import vl_convert


def main() -> None:
    """Convert the job {"kind", "spec", "fonts", "scale"} from standard input."""
    os.nice(10)  # readers who click come before pictures
    job = json.load(sys.stdin)
    if job["fonts"]:
        vl_convert.register_font_directory(job["fonts"])
    if job["kind"] == "png":
        out = vl_convert.vegalite_to_png(job["spec"], scale=job["scale"], allowed_base_urls=[])
    elif job["kind"] == "svg":
        out = vl_convert.vegalite_to_svg(job["spec"], allowed_base_urls=[]).encode()
    else:
        out = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()
    sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main()
