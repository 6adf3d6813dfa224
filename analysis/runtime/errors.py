"""The one exception that bad input raises."""


class InputError(ValueError):
    """Input that cannot be used.

    Its message is one sentence: what was given, what is wrong with it and what to do. The command
    line and the pages show it unchanged. Any other exception is a bug.
    """
