"""Run key policies: what may be given, by sensor and by request."""

from datetime import timedelta

import pytest

from runbell import RunRequest, run_status_sensor
from runbell.core.run_keys import KeyPolicy
from runbell.testing import evaluate


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("always", "is no policy: give 'forever', 'until_success', 'while_active', or a timedelta"),
        (3600, "is no policy"),
        (timedelta(0), "is no time for which a key can be taken: give more than zero, up to a year"),
        (timedelta(days=400), "is no time for which a key can be taken"),
        (["forever"], "is no policy"),
    ],
)
def test_what_is_no_policy_is_a_dead_letter_at_once(given, said):
    @run_status_sensor("SUCCESS", request_job="j")
    def ask(context):
        return RunRequest(run_key="k", run_key_policy=given)

    failed = evaluate(ask)

    assert (failed.outcome, failed.final) == ("failed", True)
    assert said in failed.error


def test_a_policy_without_a_key_says_nothing():
    @run_status_sensor("SUCCESS", request_job="j")
    def ask(context):
        return RunRequest(run_key_policy="while_active")

    assert "without a run_key, which says nothing" in evaluate(ask).error


def test_a_policy_is_read():
    assert KeyPolicy.read("while_active") == KeyPolicy("while_active", None)
    assert KeyPolicy.read(timedelta(minutes=1)) == KeyPolicy("forever", 60.0)
