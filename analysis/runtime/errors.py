"""The one exception that bad input raises."""


class InputError(ValueError):
    """Input that cannot be used.

    Its message is one sentence that names the file, what is wrong with it and what to do. The
    command line and the pages show the message as it is; anything else that is raised is a bug.
    """
