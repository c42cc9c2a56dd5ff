"""No password leaves the process in a text."""

import pytest

from runbell.ops.masking import mask, mask_url


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ann:secret@db:5432/runs", "postgresql://ann:***@db:5432/runs"),
        ("postgres://ann:secret@/runs?host=/tmp", "postgres://ann:***@/runs?host=/tmp"),
        ("postgresql://ann:se/cr@et'x@db/runs", "postgresql://ann:***@db/runs"),
        ('{"url":"postgresql://ann:se\\"cret@db/runs","b":"x@y"}', '{"url":"postgresql://ann:***@db/runs","b":"x@y"}'),
        ("postgresql+asyncpg://ann:secret@db/runs", "postgresql+asyncpg://ann:***@db/runs"),
        ("see https://u:tok@host/a, then http://host:80/b?c@d", "see https://u:***@host/a, then http://host:80/b?c@d"),
        ("postgresql://db/runs?user=ann&password=secret&x=1", "postgresql://db/runs?user=ann&password=***&x=1"),
        ("host=db password=secret dbname=runs", "host=db password=*** dbname=runs"),
        ("host=db password='se cret' dbname=runs", "host=db password='***' dbname=runs"),
        ("sslmode=require&sslpassword=secret&x", "sslmode=require&sslpassword=***&x"),
        ("{'password': 'se cret', 'user': 'ann'}", "{'password': '***', 'user': 'ann'}"),
        ('{"a":"{\\"token\\": \\"se cret\\"}","b":1}', '{"a":"{\\"token\\": \\"***\\"}","b":1}'),
        ("at https://hooks.slack.com/services/T0/B0/x 404", "at https://hooks.slack.com/services/*** 404"),
        ("https://x.webhook.office.com/webhookb2/a/b", "https://x.webhook.office.com/***"),
        ("client xoxb-12-abc failed", "client xoxb-*** failed"),
        ("https://host/hook?a=1&token=secret&sig=s3", "https://host/hook?a=1&token=***&sig=***"),
        ("password authentication failed for user ann", "password authentication failed for user ann"),
        ("postgresql://ann@db/runs", "postgresql://ann@db/runs"),
        ("nothing to hide: a@b", "nothing to hide: a@b"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://ann:secret@db/runs", "postgresql://***@db/runs"),
        ("ann:secret@db/runs", "***@db/runs"),
        ("postgres:/ann:se cret@x@db/runs?password=secret", "postgres:/***@db/runs?password=***"),
        ("mysql://ann:s/e?c#ret@db", "mysql://***@db"),
        ("host=db password=secret", "host=db password=***"),
        ("postgresql://db/runs", "postgresql://db/runs"),
    ],
)
def test_whatever_was_given_as_a_url_shows_no_password(given, shown):
    assert mask_url(given) == shown
