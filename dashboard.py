"""Clearwater's entry point: `streamlit run dashboard.py`, from any folder.

The server imports this file once, as `dashboard`, for the server object `app`. Streamlit then runs
it for every session and every rerun, as `__main__`, to draw a page. Paths of pages are relative to
this file. Streamlit reads `.streamlit/config.toml` next to it.
"""

import streamlit as st


def show() -> None:
    """Draw the page that the address names."""
    from pages.server.first_answer import adds_sheet
    from pages.server.imports import import_page
    from pages.widgets import bundles, events, login, session, style
    from pages.widgets.address_steps import join_address_steps
    from pages.widgets.dropped_file import open_dropped_files
    from pages.widgets.failures import guarded
    from pages.widgets.legend_colours import keep_legend_colours
    from pages.widgets.page_report import report_button
    from pages.widgets.scheme import follow_scheme
    from pages.widgets.turns import in_turn
    from pages.widgets.waiting_jobs import waiting_jobs

    st.set_page_config(
        page_title="Clearwater",
        page_icon=style.ICON,
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    if not adds_sheet():
        style.apply()
    if not login.is_admitted():
        login.show_login()
        return
    join_address_steps()
    open_dropped_files()
    page = st.navigation(
        [
            st.Page(
                "pages/overview.py", title="Overview", icon=":material/monitoring:", default=True
            ),
            st.Page("pages/map.py", title="Map", icon=":material/scatter_plot:"),
            st.Page("pages/clusters.py", title="Clusters", icon=":material/account_tree:"),
            st.Page("pages/cooccurrence.py", title="Co-occurrence", icon=":material/hub:"),
            st.Page("pages/pair.py", title="Pair", icon=":material/join_inner:"),
            st.Page("pages/latent.py", title="Latent", icon=":material/target:"),
            *login.extra_pages(),
        ],
        position="top",
    )
    import_page(page.url_path)
    session.arrive(page.url_path)
    with in_turn():
        with st.sidebar, guarded("looking for bundles"):
            bundles.bundle_picker()
            login.account()
        with guarded("following a click in a chart"):
            events.follow()
        with guarded("drawing this page"):
            page.run()
        with guarded("offering the report"):
            report_button()
    waiting_jobs()
    session.write()
    follow_scheme()
    keep_legend_colours()


def explain(error: Exception) -> bool:
    """Show what no guard of a page has caught; True: Streamlit shows nothing of its own."""
    from pages.widgets.failures import shown_instead

    return shown_instead(error)


if __name__ == "dashboard":
    from pathlib import Path

    from starlette.middleware import Middleware
    from streamlit.starlette import App

    from analysis.runtime.allocator import use_few_arenas
    from pages.server import (
        health,
        map_cards,
        map_data,
        map_drawn,
        map_modules,
        map_names,
        map_neighbourhood,
        map_rows,
        note_stamp,
        open_metrics,
        read_api,
        search_hits,
        start,
    )
    from pages.server.batches import Batches
    from pages.server.first_answer import FirstAnswer
    from pages.server.forgotten_widgets import forget_widgets
    from pages.server.fragment_copies import copy_less
    from pages.server.imports import PAGES, import_in_one_thread
    from pages.server.joined_events import join_events
    from pages.server.kept_downloads import keep_downloads
    from pages.server.messages import MessageFilter
    from pages.server.quick_start import ask_no_callers, discover_nothing, import_lazy_names
    from pages.server.static_files import WholeFiles, WholePage
    from pages.server.widget_values import look_values_up

    use_few_arenas()
    start.check_settings()
    ask_no_callers()
    discover_nothing()
    import_lazy_names()
    import_in_one_thread()
    keep_downloads()
    join_events()
    copy_less()
    look_values_up()
    forget_widgets()
    app = App(
        __file__,
        routes=start.below_base_path(
            (
                *health.ROUTES,
                *map_modules.ROUTES,
                *map_drawn.ROUTES,
                *map_data.ROUTES,
                *map_names.ROUTES,
                *map_cards.ROUTES,
                *map_neighbourhood.ROUTES,
                *map_rows.ROUTES,
                *open_metrics.ROUTES,
                *note_stamp.ROUTES,
                *read_api.ROUTES,
                *search_hits.ROUTES,
            )
        ),
        lifespan=start.lifespan,
        on_script_error=explain,
        middleware=[
            *start.gates(),
            Middleware(WholeFiles, start.base_path()),
            Middleware(Batches),
            Middleware(MessageFilter, Path(__file__).resolve()),
            Middleware(FirstAnswer, origins=start.origins()),
            Middleware(WholePage, [file.stem for file in PAGES.glob("*.py")], start.base_path()),
        ],
    )
else:
    show()
