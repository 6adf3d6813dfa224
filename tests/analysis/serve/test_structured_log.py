"""The log of a team: lines of JSON, and the last errors."""

import io
import json
import logging

from analysis.serve.structured_log import LAST_ERRORS, MOST_ERRORS, ROOT, log_in_lines


def test_each_record_is_one_line_of_json_with_its_entry() -> None:
    stream = io.StringIO()
    log_in_lines(stream)
    log_in_lines(stream)  # a second start writes no line twice
    entry = {"action": "export", "user": "a\nb", "bundle": "1", "what": 'x"y'}
    logging.getLogger(f"{ROOT}.audit").info("%s", "export", extra={"entry": entry})
    try:
        raise ValueError("bad\nvalue")
    except ValueError as error:
        logging.getLogger(ROOT).error("error %s", 7, exc_info=error)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert {name: first[name] for name in entry} == entry
    assert (first["level"], first["logger"]) == ("info", "clearwater.audit")
    assert first["time"].endswith("+00:00")
    assert second["message"] == "error 7" and "bad\nvalue" in second["exception"]


def test_only_errors_are_kept_and_not_more_than_a_few() -> None:
    log_in_lines(io.StringIO())
    for number in range(MOST_ERRORS + 3):
        logging.getLogger(ROOT).warning("warning %d", number)
        logging.getLogger(ROOT).error("error %d", number)
    messages = [json.loads(line)["message"] for line in LAST_ERRORS]
    assert messages == [f"error {number}" for number in range(3, MOST_ERRORS + 3)]
