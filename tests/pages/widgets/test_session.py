"""The view of a session follows the address bar."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Open, act_in_chart, click, map_data, texts


def test_the_view_is_kept_from_page_to_page(open_page: Open) -> None:
    app = open_page("map", select="flag=dead", measure="jaccard")
    app.query_params.clear()
    app.switch_page("pages/cooccurrence.py").run()
    assert not app.exception
    assert "**6** of 200 latents" in texts(app)
    assert app.query_params["measure"] == "jaccard"


def test_a_selection_that_is_too_long_for_a_link_is_refused_with_a_message(
    open_page: Open,
) -> None:
    app = open_page("map", select="flag=dead")
    app.text_input[0].set_value("latent=" + ",".join(["1"] * 10_000)).run()
    assert not app.exception
    assert app.query_params["select"] == "flag=dead"


def script(characters: int) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.selection import Search  # noqa: PLC0415
    from pages.widgets import session  # noqa: PLC0415

    session.change(select="flag=dead")
    session.select(Search("a" * (characters - 2)))
    st.markdown(session.current().select[:9])


@pytest.mark.parametrize(("characters", "refused"), [(20_000, False), (20_001, True)])
def test_the_longest_selection(characters: int, refused: bool) -> None:
    app = AppTest.from_function(script, args=(characters,)).run()
    assert not app.exception
    messages = [toast.value for toast in app.toast]
    assert app.markdown[0].value == ("flag=dead" if refused else '"aaaaaaaa')
    if refused:
        (message,) = messages
        assert "has 20,001 characters, but a link holds at most 20,000" in message
    else:
        assert messages == []


def many_conditions(number: int) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.selection import Or, Search  # noqa: PLC0415
    from pages.widgets import session  # noqa: PLC0415

    session.change(select="flag=dead")
    session.select(Or(tuple(Search(f"a{i}") for i in range(number))))
    st.markdown(session.current().select[:9])


@pytest.mark.parametrize(("number", "refused"), [(100, False), (101, True)])
def test_a_selection_that_could_not_be_read_back_is_refused(number: int, refused: bool) -> None:
    app = AppTest.from_function(many_conditions, args=(number,)).run()
    assert not app.exception
    assert (app.markdown[0].value == "flag=dead") == refused
    messages = [toast.value.replace("\\", "") for toast in app.toast]
    assert [message[:60] for message in messages] == [
        "Nothing was selected: the text has more than 100 conditions;"
    ] * refused


def test_charts_are_drawn_anew_only_if_something_is_drawn_in_one(open_page: Open) -> None:
    app = open_page("map", select="flag=dead")
    app.text_input[0].set_value("flag=live").run()
    assert "figure density-histogram 0" in keys(app)
    app = act_in_chart(app, "density-histogram", density={"log10_density": [-3.0, -1.0]})
    app.text_input[0].set_value("flag=dead").run()
    assert "figure density-histogram 1" in keys(app)


def keys(app: AppTest) -> set[str]:
    """The keys of the charts of a page."""
    return {str(chart.key) for chart in app.get("vega_lite_chart")}


def test_a_suggested_latent_is_not_shown_on_other_pages(open_page: Open) -> None:
    app = open_page("latent")
    suggested = app.query_params["latent"]
    app.switch_page("pages/map.py").run()
    assert "latent" not in app.query_params and map_data(app)["focus"] is None
    app.switch_page("pages/latent.py").run()
    assert app.query_params["latent"] == suggested


def test_a_chosen_latent_has_a_ring_on_the_map_even_if_it_was_suggested(open_page: Open) -> None:
    app = open_page("latent", select="latent=3,8,170")
    click(app, "Next")
    chosen = int(app.query_params["latent"])
    app.switch_page("pages/map.py").run()
    assert map_data(app)["focus"] == chosen
    app = open_page("map", latent=8)
    assert map_data(app)["focus"] == 8


def by_menu(app: AppTest, page: str) -> AppTest:
    """Open a page by the menu: the browser clears the address."""
    app.query_params.clear()
    return app.switch_page(f"pages/{page}.py").run()


def test_the_menu_opens_the_map_without_a_focus_and_keeps_the_latent(open_page: Open) -> None:
    app = open_page("latent", latent=8, regime="0.5,2", select="flag=live")
    by_menu(app, "map")
    assert map_data(app)["focus"] is None
    assert {"latent", "regime"}.isdisjoint(app.query_params)
    assert app.query_params["select"] == "flag=live"
    app.text_input[0].set_value("flag=dead").run()
    assert map_data(app)["focus"] is None
    by_menu(app, "latent")
    assert (app.query_params["latent"], app.query_params["regime"]) == ("8", "0.5,2")


def test_a_latent_in_focus_on_the_map_takes_the_place_of_the_one_before() -> None:
    def visits() -> None:
        import streamlit as st  # noqa: PLC0415

        from pages.widgets import session  # noqa: PLC0415

        latents = []
        for chosen in ((), (3,), (3, None)):
            session.arrive("latent")
            session.note(latent=8)
            session.arrive("map")
            for latent in chosen:
                session.arrive("map")  # a run of the same page
                session.note(latent=latent)
            session.arrive("clusters")
            latents.append(session.current().latent)
        st.markdown(str(latents))

    app = AppTest.from_function(visits).run()
    assert not app.exception
    assert app.markdown[0].value == "[8, 3, None]"


def test_the_menu_keeps_the_latent_that_colours_the_map(open_page: Open) -> None:
    app = open_page("latent", latent=8, colour="association")
    by_menu(app, "map")
    assert map_data(app)["focus"] == 8
    assert map_data(app)["colour"]["name"] == "association"


def test_a_link_to_another_page_does_not_get_the_latent_of_the_last_one(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    by_menu(app, "map")
    app.query_params.clear()
    app.query_params["measure"] = "jaccard"
    app.switch_page("pages/clusters.py").run()
    assert "latent" not in app.query_params and app.query_params["measure"] == "jaccard"


def test_a_value_that_is_not_valid_is_named_once(open_page: Open) -> None:
    app = open_page(latent="abc", cluster="x")
    (warning,) = (one.value.replace("\\", "") for one in app.warning)
    assert warning.startswith("This link has latent=abc and cluster=x, which are not valid values")
    app.text_input[0].set_value("flag=dead").run()
    assert not app.warning


def test_the_last_hundred_selections_can_be_undone() -> None:
    def page() -> None:
        import streamlit as st  # noqa: PLC0415

        from analysis.selection import parse  # noqa: PLC0415
        from pages.widgets import session  # noqa: PLC0415

        for i in range(102):
            session.select(parse(f"latent={i}"))
        texts = []
        while session.can_undo():
            texts.append(session.undo().select)
        st.markdown(f"{len(texts)} {texts[0]} {texts[-1]}")
        for _ in range(2):
            session.redo()
        st.markdown(session.current().select)

    app = AppTest.from_function(page).run()
    assert not app.exception
    # Of 102 selections and everything before them, one hundred are kept.
    assert [one.value for one in app.markdown] == ["100 latent=100 latent=1", "latent=3"]


def _steps(drawn: bool, suggested: bool) -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import session  # noqa: PLC0415

    if drawn:
        st.session_state[session.chart_key("drawn")] = {"selection": {"box": {"x": [0, 1]}}}
    session.current()
    if suggested and "begun" not in st.session_state:
        st.session_state["begun"] = True
        session.suggest(latent=3)
    elif suggested:
        session.drop_suggestions()
    st.markdown(f"{session.generation('drawn')} {session.current().latent}")


def test_a_new_link_clears_what_is_drawn_in_charts_but_a_move_of_the_map_does_not() -> None:
    app = AppTest.from_function(_steps, args=(True, False)).run()
    cleared = {"viewport": "0,1,0,1", "mode": "box", "size": "density", "select": "flag=dead"}
    for name, value in cleared.items():
        app.query_params[name] = value
        assert app.run().markdown[0].value == f"{int(name == 'select')} None"


def test_a_suggestion_that_a_link_names_is_chosen() -> None:
    app = AppTest.from_function(_steps, args=(False, True)).run()
    assert app.markdown[0].value == "0 3"
    app.query_params["select"] = "flag=live"  # the link has the suggested latent too
    assert app.query_params["latent"] == "3"
    assert app.run().markdown[0].value == "0 3"
    app = AppTest.from_function(_steps, args=(False, True)).run()
    assert app.run().markdown[0].value == "0 None"


def test_another_bundle_has_no_selection_to_go_back_to() -> None:
    def page() -> None:
        import streamlit as st  # noqa: PLC0415

        from analysis.selection import parse  # noqa: PLC0415
        from pages.widgets import session  # noqa: PLC0415

        chart = session.chart_key("drawn")
        session.change(measure="lift", colour="density", latent=3)
        for text in ("latent=1", "latent=2"):
            session.select(parse(text))
        st.session_state[chart] = {"selection": {"box": {"x": [0, 1]}}}
        session.undo()
        st.markdown(f"{session.generation('drawn')} {session.can_undo()} {session.can_redo()}")
        session.select(parse("latent=1"))  # the same as before is no step
        st.markdown(f"{session.can_redo()}")
        session.select(parse("latent=4"))
        st.markdown(f"{session.can_redo()}")
        session.undo()
        view = session.reset(bundle="1a2b")
        st.markdown(f"{session.can_undo()} {session.can_redo()}")
        st.markdown(f"{view.bundle} {view.measure} {view.colour} {view.latent} {view.select!r}")

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert [one.value for one in app.markdown] == [
        "1 True True",
        "True",
        "False",
        "False False",
        "1a2b lift density None ''",
    ]
