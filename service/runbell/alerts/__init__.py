"""Alerts out of the box: sensors that tell Slack, Teams, a mailbox, or whatever Apprise reaches, of failed runs.

What speaks to a channel (slack_sdk, smtplib, Apprise) is imported when an alert is sent, not before.
"""

from runbell.alerts.apprise import make_notify_on_run_failure_sensor, notify
from runbell.alerts.email import make_email_on_run_failure_sensor
from runbell.alerts.refusals import NotifyError
from runbell.alerts.secret import EnvVar, SecretFile
from runbell.alerts.slack import make_slack_on_run_failure_sensor
from runbell.alerts.summary import Summary, summarize
from runbell.alerts.teams import make_teams_on_run_failure_sensor

__all__ = [
    "EnvVar",
    "NotifyError",
    "SecretFile",
    "Summary",
    "make_email_on_run_failure_sensor",
    "make_notify_on_run_failure_sensor",
    "make_slack_on_run_failure_sensor",
    "make_teams_on_run_failure_sensor",
    "notify",
    "summarize",
]
