"""How the C library shares out the memory of a process."""

import ctypes

MOST_ARENAS = 2
_M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h


def use_few_arenas() -> None:
    """Let all threads take memory from `MOST_ARENAS` pools of glibc; does nothing elsewhere.

    Each run of a page is a new thread, and glibc makes up to eight pools for each core, of which
    every one keeps what it has once held. Call it before there are many threads: a pool that exists
    stays.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, MOST_ARENAS)
