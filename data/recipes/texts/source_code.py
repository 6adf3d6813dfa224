"""Source code in several programming languages, from the packages that distribute it."""

import gzip
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

HEAD_BLOCKS = 8
LONGEST_FILE = 200_000
SKIPPED = re.compile(r"(_test\.go|/testdata/|/tests?/|\.min\.|generated|unicode|tables?\.)")


def code(
    package: str, suffix: str, language: str, under: str = ""
) -> Callable[[Path], Iterator[Section]]:
    """Reader of the files of a package that end in `suffix`, also inside one archive in it."""

    def read(cache: Path) -> Iterator[Section]:
        for name, content in package_files(fetch(package, cache), suffix, under):
            if len(content) <= LONGEST_FILE and not SKIPPED.search(name):
                text = content.decode("utf-8", "replace")
                title = f"{language}: {'/'.join(PurePosixPath(name).parts[-3:])}"
                yield Section(title, code_paragraphs(text), language)

    return read


def package_files(folder: Path, suffix: str, under: str) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the files of a package, sorted by name, also of those in archives."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.is_symlink():
            continue
        if path.name.endswith((".tar.xz", ".tar.gz")) and path.stat().st_size > 1_000_000:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and member.name.endswith(suffix) and under in member.name:
                        stream = archive.extractfile(member)
                        assert stream is not None
                        yield member.name, stream.read()
        elif path.name in {"src.zip", "lib.zip"}:
            with zipfile.ZipFile(path) as zipped:
                for inner in sorted(zipped.namelist()):
                    if inner.endswith(suffix) and under in inner:
                        yield inner, zipped.read(inner)
        elif name.endswith(suffix) and under in name:
            content = path.read_bytes()
            yield name, gzip.decompress(content) if suffix.endswith(".gz") else content


def code_paragraphs(text: str) -> list[str]:
    """Blocks of code between blank lines, without the notice at the head of a file."""
    blocks = [block.strip("\n").rstrip() for block in re.split(r"\n[ \t]*\n", text.expandtabs(4))]
    notice = re.compile(r"copyright|licen[cs]e|warranty", re.IGNORECASE)
    return [
        block
        for number, block in enumerate(blocks)
        if block.strip() and not (number < HEAD_BLOCKS and notice.search(block))
    ]
