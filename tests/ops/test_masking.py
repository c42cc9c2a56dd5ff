"""No password leaves the process in a text."""

import pytest

from runbell.ops.masking import mask


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
        ("host=db password='se cret' dbname=runs", "host=db password=*** dbname=runs"),
        ("postgresql://ann@db/runs", "postgresql://ann@db/runs"),
        ("nothing to hide: a@b", "nothing to hide: a@b"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text, masked):
    assert mask(text) == masked
