"""The pools from which threads take memory, counted by glibc itself."""

import ctypes
import subprocess
import sys

import pytest

from analysis.runtime.allocator import MOST_ARENAS

COUNT = """
import ctypes, sys, tempfile, threading
from analysis.runtime.allocator import use_few_arenas
if sys.argv[1] == "few":
    use_few_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
together = threading.Barrier(12)
def take():
    together.wait()  # a thread that has ended leaves its pool to the next
    libc.malloc(100_000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().decode().count("<heap nr="))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc counts its pools")
def test_many_threads_share_few_pools() -> None:
    few, many = (
        int(
            subprocess.run(
                [sys.executable, "-c", COUNT, how], capture_output=True, check=True
            ).stdout
        )
        for how in ("few", "many")
    )
    assert few <= MOST_ARENAS < many
