"""The first element of a process does not look at the sources of all its callers.

Streamlit does this once, to warn somebody who draws without a server. It opens the source of each
caller and asks for the real path of every imported module, some two thousand, while the first
reader waits for the first page.
"""

from streamlit import delta_generator


def ask_no_callers() -> None:
    """Let Streamlit take this warning as given in this process, which is a server.

    Streamlit has no setting for it.
    """
    vars(delta_generator)["_use_warning_has_been_displayed"] = True
