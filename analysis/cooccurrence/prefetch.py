"""Asking the processor for memory ahead of its use, which numba has no word for.

Counting gathers rows from all over an array that no cache holds, and even where a row begins is
looked up in one. Told of both ahead of time, the processor fetches them while it adds, and counting
a million latents takes less than half the time.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Hint that array[index] will be read soon. It may lie behind the end: nothing is read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        builder.call(hint, [place, *(ir.Constant(word, how) for how in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = intrinsic(_prefetch)
"""prefetch(array, index) in a compiled function: array[index] will be read soon."""
