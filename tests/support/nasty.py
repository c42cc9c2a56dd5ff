"""Values that break things: drawn at random, from what has broken things before, and from noise."""

import json
import os
import random
import string

# So many times the inputs of a short run.
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)

TEXTS = [
    "", " ", "\n", "\t", "a", "A" * 499, "ü" * 250, "ü" * 251, "x" * 501, "x" * 100_000, "'", '"',
    "';--", '"; DROP', "\\",
    "$1", "$$", "%s%I%L", "{}", "[]", "null", "NaN", "-1", "0", "1e400", "\x01\x02\x1b[31m", "\x7f", "\u200b", "\u202e",
    "💥" * 100, "\ufeff", "\ufffe", "SUCCESS", "success", "FAILURE", "STARTED", "CANCELED", "NOT_STARTED",
    "ß", "ŉ", "İ",
    "*", "a:b", ":", "::", "?", "[", "[a-", "a\r\nb", "../../x", "runbell/request_id", "infinity", "None", "true",
]  # fmt: skip
NUMBERS = [
    "0", "-1", "1", "2147483647", "-2147483648", "2147483648", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "1e308", "1e309", "-1e400", "0.1", "1" + "0" * 400, "1e-400", "NaN", "Infinity",
]  # fmt: skip
TIMES = [
    "infinity", "-infinity", "294276-12-31 23:59:59.999999+00", "4713-01-01 00:00:00+00 BC", "epoch", "now",
    "0001-01-01 00:00:00+00", "9999-12-31 23:59:59+00", "10000-01-01 00:00:00+00", "1900-01-01 00:00:00+15:59",
]  # fmt: skip
INTERVALS = [
    "0",
    "1 second",
    "-1 second",
    "1 microsecond",
    "178000000 years",
    "-178000000 years",
    "1 mon -1 day",
    "abc",
]
JSONS = [
    "{}", "[]", "null", "1", '"a"', "true", '{"a": null}', '{"": ""}', '{"a": 1e400}', '{"a": ' + "9" * 5000 + "}",
    "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, '{"dagster/partition": ["x"]}', '{"a": "\\u0001"}',
    '{"runbell/request_id": "1"}', '{"runbell/request_id": "999999999999999999999"}',
    '{"runbell/request_id": {"a": 1}}',
    '{"runbell/chain": "x"}', '{"message": {"a": 1}, "stack": "s", "cause": [1]}',
    '{"cause": ' * 200 + "null" + "}" * 200,
    '{"message": "m", "cls_name": 1, "stack": [1, null]}', '{"a": "' + "x" * 100_000 + '"}', "{", "", "NaN",
    '{"a": "\\u0000"}',
    '{"a": "\\ud800"}', json.dumps({str(key): key for key in range(2000)}),
]  # fmt: skip
SNAPSHOTS = ["1:1:", "1:9223372036854775807:", "5:10:7,8", "10:5:", "3:3:3", "x", "9000000000:9000000001:9000000000"]


class Nasty:
    """Draws values; the same seed draws the same ones."""

    def __init__(self, salt: int = 0) -> None:
        self.random = random.Random(SEED + salt)
        self.tried = 0

    def text(self) -> str:
        """Text that a driver can send."""
        draw = self.random.random()
        if draw < 0.6:
            return self.random.choice(TEXTS)
        if draw < 0.8:
            return "".join(self.random.choice(string.printable) for _ in range(self.random.randrange(40)))
        return "".join(chr(self.random.randrange(1, 0xD7FF)) for _ in range(self.random.randrange(20)))

    def of(self, kind: str) -> str | None:
        """A value of a PostgreSQL type, as text; it need not be a valid one. Often nothing."""
        if self.random.random() < 0.12:
            return None
        choices = {
            "bigint": NUMBERS, "integer": NUMBERS, "double precision": NUMBERS, "xid8": NUMBERS, "interval": INTERVALS,
            "timestamp with time zone": TIMES, "jsonb": JSONS, "pg_snapshot": SNAPSHOTS,
            "boolean": ["true", "false", "2"],
            "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "x"],
        }  # fmt: skip
        return self.random.choice(choices[kind]) if kind in choices else self.text()

    def told(self) -> None:
        """What a run of it ends with."""
        print(f"\ninputs tried {self.tried}, crashes 0 (FUZZ_SEED={SEED})")


def must(holds: object, *facts: object) -> None:
    """An assertion that can stand where an exception is looked at."""
    assert holds, facts
