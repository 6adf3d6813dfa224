"""A failure is one sentence for the reader and a traceback in the log, wherever it happens."""

import ast
import logging
import re
import tomllib
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.runtime.errors import InputError
from pages.widgets.failures import report, shown_instead
from tests.pages.conftest import ROOT, Open, texts

SENTENCE = re.compile(r"^Something went wrong while [a-z ]+ \(error ([0-9a-f]{8})\)\. .*\.$")
FREE = {"rerun", "ignore"}
"""Values of `on_click` and `on_select` that are no callbacks."""


def failing() -> None:
    import streamlit as st  # noqa: PLC0415 - AppTest runs only the body

    from analysis.runtime.errors import InputError  # noqa: PLC0415
    from pages.widgets.failures import guarded  # noqa: PLC0415

    @guarded("pressing")
    def press(kind: str) -> None:
        if kind == "input":
            raise InputError("/srv/private/x.parquet: is damaged; build it again.")
        raise KeyError("secret in /srv/private")

    with guarded("drawing this page"):
        st.button("input", on_click=press, args=("input",))
        st.button("bug", on_click=press, args=("bug",))
        match st.text_input("end"):
            case "stop":
                st.stop()
            case "input":
                raise InputError("/srv/private/x.parquet: is damaged; build it again.")
            case "bug":
                raise KeyError("secret in /srv/private")
        st.markdown("the end of the page")
    st.markdown("after the page")


@pytest.fixture(autouse=True)
def no_failure() -> None:
    """The tests of this file fail on purpose."""


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(failing).run()


def ended(app: AppTest) -> list[str]:
    return [element.value for element in app.markdown]


def test_a_page_without_failures_is_drawn_whole(app: AppTest) -> None:
    assert ended(app) == ["the end of the page", "after the page"]
    assert not app.error and not app.exception


def test_bad_input_is_its_own_sentence_without_folders(app: AppTest) -> None:
    app.text_input[0].set_value("input").run()
    assert not app.exception
    assert [error.value for error in app.error] == [r"x\.parquet\: is damaged; build it again\."]
    assert ended(app) == ["after the page"]


def test_a_bug_is_one_sentence_and_its_id_is_in_the_log(
    app: AppTest, caplog: pytest.LogCaptureFixture
) -> None:
    app.text_input[0].set_value("bug").run()
    assert not app.exception
    (error,) = app.error
    identifier = SENTENCE.match(error.value)
    assert identifier and "drawing this page" in error.value
    assert "secret" not in error.value and "KeyError" not in error.value
    assert f"error {identifier[1]} while drawing this page" in caplog.text
    assert "KeyError: 'secret in /srv/private'" in caplog.text
    assert ended(app) == ["after the page"]


def test_the_control_flow_of_streamlit_is_no_failure(app: AppTest) -> None:
    app.text_input[0].set_value("stop").run()
    assert not app.exception and not app.error
    assert ended(app) == []


@pytest.mark.parametrize(("button", "words"), [(0, "is damaged"), (1, "while pressing")])
def test_a_callback_that_fails_leaves_the_page(app: AppTest, button: int, words: str) -> None:
    app.button[button].click().run()
    assert not app.exception
    assert words in app.error[0].value
    assert ended(app) == ["the end of the page", "after the page"]


def test_every_failure_has_another_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        sentences = {report(ValueError("x"), "testing") for _ in range(20)}
    assert len(sentences) == 20
    assert all(SENTENCE.match(sentence) for sentence in sentences)


def test_what_no_guard_has_caught_is_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", shown.append)
    assert shown_instead(InputError("/a/b/c.txt: is empty; write it."))
    assert shown_instead(ValueError("/a/b"))
    assert shown_instead(InputError("x" * 2_000))
    assert len(shown[2]) == 1_000
    assert shown[0] == r"c\.txt\: is empty; write it\." and SENTENCE.match(shown[1])


def test_a_page_that_fails_keeps_its_head_and_its_link(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError(str(ROOT))

    monkeypatch.setattr("pages.widgets.provenance.facts", fail)
    app = open_page("overview", select="flag=dead")
    assert not app.exception
    (error,) = app.error
    assert SENTENCE.match(error.value) and str(ROOT) not in error.value
    assert "**6** of 200 latents" in texts(app)
    assert app.query_params["select"] == "flag=dead"


def test_every_callback_and_fragment_is_guarded() -> None:
    """Streamlit calls these itself, so that no `with` of a page is around them."""
    unguarded = []
    for file in sorted((ROOT / "pages").rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        entries = [f for f in functions.values() if "fragment" in decorators(f)]
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            for keyword in call.keywords:
                if keyword.arg in ("on_change", "on_click", "on_select"):
                    entries += called(keyword.value, functions, file)
        unguarded += [f"{file.name}: {f.name}" for f in entries if "guarded" not in decorators(f)]
    assert unguarded == []


def decorators(function: ast.FunctionDef) -> set[str]:
    names = (ast.unparse(decorator).split("(")[0] for decorator in function.decorator_list)
    return {name.split(".")[-1] for name in names}


def called(
    callback: ast.expr, functions: dict[str, ast.FunctionDef], file: Path
) -> list[ast.FunctionDef]:
    """The functions that a callback runs; looked up in the module that imports them, if any."""
    if isinstance(callback, ast.Constant):
        assert callback.value in FREE, f"{file}: {callback.value!r}"
        return []
    if isinstance(callback, ast.Lambda):
        callback = callback.body.func if isinstance(callback.body, ast.Call) else callback.body
    if isinstance(callback, ast.Name) and callback.id == "on_change":
        return []  # a parameter, which is passed on
    name = ast.unparse(callback).split(".")[-1]
    if name in functions:
        return [functions[name]]
    sources = (path.read_text("utf-8") for path in (ROOT / "pages" / "widgets").glob("*.py"))
    return [
        node
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ] or pytest.fail(f"{file}: what is {name}?")


def test_the_settings_keep_details_on_the_server() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    client, server = settings["client"], settings["server"]
    assert client["showErrorDetails"] == "none" and client["showErrorLinks"] is False
    assert settings["browser"]["gatherUsageStats"] is False
    assert server["headless"] and server["address"] == "127.0.0.1"
    assert server["enableCORS"] and server["enableXsrfProtection"]
    assert server["maxUploadSize"] == 0
    assert server["maxMessageSize"] <= 50 and server["maxWidgetStateSize"] <= 1
