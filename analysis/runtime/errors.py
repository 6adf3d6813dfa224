"""The exceptions that bad input and a lost machine or disk raise."""

import re

_FOLDER_AT_START = re.compile(r"^[^:\n]*/(?=[^/:\n]+:)")
"""Messages about a file begin with its path and a colon."""
_FOLDER = re.compile(r"""(?<![^\s"'`(=])~?/(?=\S)(?:[^/:"'`()\n]*[^/:"'`()\s]/)*(?=[^/\s])""")
"""The folder of an absolute path elsewhere in a message; names in it may have spaces."""


class InputError(ValueError):
    """Input that cannot be used.

    Its message is one sentence: what was given, what is wrong with it and what to do. The command
    line shows it unchanged, the pages show `public`. Any other exception is a bug.
    """

    @property
    def public(self) -> str:
        """The message for readers of a server: files by their names, without their folders."""
        return _FOLDER.sub("", _FOLDER_AT_START.sub("", str(self)))


class ResumableError(InputError):
    """Something other than the input stopped the work: a full disk, a lost scheduler.

    What is finished is kept, and the same command resumes.
    """
