"""Operation: how is this server doing? For operators of a team."""

import streamlit as st

from analysis.serve.access.rights import may
from pages.widgets.current_user import REFUSED, current_user
from pages.widgets.export_menu import begin_run
from pages.widgets.operation_parts import (
    jobs,
    last_errors,
    memory,
    numbers_of_process,
    open_pages,
    people_file,
)

begin_run("Operation")
st.title("Operation", anchor=False)
if not may(current_user(), None, "operate"):
    st.error(REFUSED["operate"])
    st.stop()
st.caption("Of the server process that has drawn this page; several processes have one page each.")
numbers_of_process()
memory()
jobs()
open_pages()
people_file()
last_errors()
