import logging

import pytest

from loafer.entrypoints.settings.layers import environment_layer, options_layer, warn_of_unknown_keys
from loafer.entrypoints.settings.mistakes import Given

JOBS = "LOAFER_MAX_JOBS"


def test_options_are_known_by_their_parameter_names() -> None:
    assert options_layer({"max_jobs": "3", "consumer_opts": "{}", "source": None, "verbose": 1}) == {
        JOBS: Given("3", "option --max-jobs"),
        "LOAFER_DEFAULT_CONSUMER_OPTIONS": Given("{}", "option --consumer-opts"),
    }


def test_only_loafer_variables_of_the_environment_count() -> None:
    assert environment_layer({JOBS: "3", "HOME": "/"}) == {JOBS: Given("3", "environment variable")}


def test_unknown_keys_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unknown_keys([{"LOAFER_MAX_JOB": Given("1", "a.cfg [loafer]")}])
    assert caplog.record_tuples == [
        (
            "loafer.entrypoints.settings.layers",
            logging.WARNING,
            "LOAFER_MAX_JOB (a.cfg [loafer]) is no setting; did you mean LOAFER_MAX_JOBS?",
        )
    ]


def test_a_key_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unknown_keys([{"LOAFER_X\x1b[2J\u2028Y": Given("1", "a.cfg [loafer]")}])
    [told] = caplog.messages
    assert told == ("LOAFER_X\\x1b[2J\\u2028Y (a.cfg [loafer]) is no setting; did you mean LOAFER_MAX_JOBS?")
