"""One line for each record, whatever is in it."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.config import Secret
from trio_bridge.runner.logs import HumanLines, JsonLines, set_up_logging, told


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "name": "trio_bridge.engine.account", "levelno": 20, **extra})
    made.levelname = "INFO"
    return made


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_a_line_for_people_names_account_platform_and_generation() -> None:
    line = HumanLines().format(record("ready", account="sales", platform="dingtalk", generation=3, after=0.5))
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    dingtalk:sales/3: ready after=0.5", line)


def test_a_line_of_no_account_names_its_logger() -> None:
    assert HumanLines().format(record("started")).endswith(" trio_bridge.engine.account: started")


def test_a_value_with_spaces_is_quoted() -> None:
    assert HumanLines().format(record("lost", cause="no route")).endswith(": lost cause='no route'")


def test_a_line_for_programs_has_every_field() -> None:
    line = json.loads(JsonLines().format(record("ready", account="sales", generation=3, odd={"a": 1})))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "trio_bridge.engine.account",
        "message": "ready",
        "account": "sales",
        "generation": 3,
        "odd": "{'a': 1}",
    }


@pytest.mark.parametrize("formatter", [HumanLines(), JsonLines()])
@given(st.text(), st.text(), st.text())
def test_nobody_can_write_a_line_of_their_own(formatter: logging.Formatter, message: str, name: str, text: str) -> None:
    error = raised(ValueError(text))
    line = formatter.format(record("%s", args=(message,), account=name, value=text, exc_info=(ValueError, error, None)))
    assert line.isprintable()


def test_a_flood_is_cut() -> None:
    assert len(HumanLines().format(record("x" * 10_000))) == 2000
    line = json.loads(JsonLines().format(record("x" * 10_000, value="y" * 10_000)))
    assert len(line["message"]) == len(line["value"]) == 2000


def test_an_error_is_told_with_its_place_and_its_cause() -> None:
    error = raised(RuntimeError("the handler raised"), cause=raised(ValueError("bad weather")))
    place = r"\(test_logs\.py:\d+ in raised\)"
    assert re.fullmatch(
        rf"RuntimeError: the handler raised {place}, because of ValueError: bad weather {place}", told(error)
    )


@pytest.mark.parametrize("ends_in", [lambda: Secret(env="NOT_THERE").read(), lambda: json.loads("{")])
def test_the_place_of_an_error_is_the_last_line_that_is_of_no_library(ends_in: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:
        ends_in()
    assert re.search(r" \(test_logs\.py:\d+ in <lambda>\)$", told(caught.value))


def test_where_there_are_only_libraries_the_place_is_the_last_one() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    assert caught.tb.tb_next is not None
    assert re.search(r" \(decoder\.py:\d+ in \w+\)$", told(caught.value.with_traceback(caught.tb.tb_next)))


def test_a_group_of_one_is_told_as_the_one() -> None:
    error = ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", [ValueError("bad weather")])])
    assert told(error) == "ValueError: bad weather"


def test_an_endless_chain_is_cut() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert told(first).count("ValueError") == 4


def test_a_program_gets_the_whole_traceback() -> None:
    error = raised(ValueError("bad weather"))
    line = json.loads(JsonLines().format(record("failed", exc_info=(ValueError, error, error.__traceback__))))
    assert line["error"].startswith("ValueError: bad weather (")
    assert line["traceback"].startswith("Traceback (most recent call last):\n")


def test_a_long_traceback_keeps_its_end() -> None:
    error = ValueError("x" * 20_000 + " bad weather")
    line = json.loads(JsonLines().format(record("failed", exc_info=(ValueError, error, None))))
    assert len(line["traceback"]) == 8001
    assert line["traceback"].endswith("bad weather\n")


def test_logging_goes_to_whatever_stderr_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("json")
    logging.getLogger("anyone").info("hello")
    assert json.loads(capsys.readouterr().err)["message"] == "hello"


def test_a_warning_of_python_is_a_record_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nnews", DeprecationWarning, stacklevel=1)
    assert "old\\nnews" in capsys.readouterr().err


def test_the_level_is_for_us_and_not_for_those_who_log_headers(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(level="DEBUG")
    logging.getLogger("trio_bridge.wire").debug("a frame")
    logging.getLogger("httpcore.http11").info("send_request_headers: authorization")
    logging.getLogger("trio-websocket").debug("client-0 ping authorization")
    shown = capsys.readouterr().err
    assert "a frame" in shown
    assert "authorization" not in shown
