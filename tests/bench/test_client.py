"""The client reads what Streamlit sends; `tests/faults` uses it on a real server."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.client import MOST_RUNS_KEPT, KeptMessages, Run


def drawn(kind: str, fragment: str = "", **fields: object) -> ForwardMsg:
    """A message that draws an element of a type."""
    message = ForwardMsg()
    element = getattr(message.delta.new_element, kind)
    element.SetInParent()
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(element, name).extend(value)
        else:
            setattr(element, name, value)
    message.delta.fragment_id = fragment
    return message


def test_a_run_lists_exceptions_alerts_texts_and_charts_in_order() -> None:
    run = Run(
        [
            drawn("exception", type="ValueError", message="nan", stack_trace=["line 3"]),
            drawn("alert", body="first"),
            drawn("markdown", body="words"),
            drawn("vega_lite_chart"),
            drawn("alert", body="second"),
        ]
    )
    assert run.exceptions == ["ValueError: nan ['line 3']"]
    assert run.alerts == ["first", "second"]
    assert run.texts == ["words"]
    assert run.charts == 1


def test_a_script_that_does_not_compile_is_an_exception() -> None:
    message = ForwardMsg()
    message.session_event.script_compilation_exception.type = "SyntaxError"
    assert "SyntaxError" in Run([message]).exceptions[0]


def test_the_last_drawing_of_a_widget_counts() -> None:
    run = Run(
        [
            drawn("selectbox", id="a", label="Colour", options=["x"]),
            drawn("selectbox", id="a", label="Colour", options=["x", "y"], fragment="part"),
            drawn("button", id="b", label="Swap"),
            drawn("vega_lite_chart"),
        ]
    )
    assert [widget.label for widget in run.widgets] == ["Colour", "Swap"]
    assert run.widget("Colour").options == ("x", "y")
    assert run.widget("Colour").fragment == "part"
    with pytest.raises(LookupError, match="'Size'"):
        run.widget("Size")


def test_the_address_is_the_one_written_last() -> None:
    written = []
    for query in ("a=1", "a=2"):
        message = ForwardMsg()
        message.page_info_changed.query_string = query
        written.append(message)
    assert Run(written).address == "a=2"
    assert Run().address is None


def test_a_message_that_is_kept_is_drawn_where_its_hash_is_sent() -> None:
    kept, large, small = KeptMessages(), drawn("markdown", body="long"), drawn("markdown", body="a")
    large.hash, large.metadata.cacheable, small.hash = "h", True, "s"
    large.metadata.delta_path.append(1)
    assert [kept.resolved(one) for one in (large, small)] == [large, small]
    assert kept.hashes == ["h"]
    reference = ForwardMsg(ref_hash="h")
    reference.metadata.delta_path.append(2)
    for _ in range(MOST_RUNS_KEPT + 1):
        kept.end_run()
        whole = kept.resolved(reference)
        assert Run([whole]).texts == ["long"] and list(whole.metadata.delta_path) == [2]
    for _ in range(MOST_RUNS_KEPT):
        kept.end_run()
    assert kept.hashes == ["h"]
    kept.end_run()
    assert kept.hashes == []
