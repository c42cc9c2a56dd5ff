"""The page on parity is what its rows say, and each test exists that it names."""

from support import parity


def test_the_page_is_what_its_rows_say():
    assert parity.PAGE.read_text() == parity.page(), (
        "in the folder tests: python -m support.parity > ../docs/dagster-parity.md"
    )


def test_each_test_that_a_row_names_exists():
    missing = {f"{row.line}: {test}" for row in parity.rows() for test in row.tests if not parity.exists(test)}

    assert missing == set()


def test_no_item_stands_there_twice():
    for name in ("dagster", "corpus"):
        items = [row.item for row in parity.read(name) if isinstance(row, parity.Row)]
        assert sorted(items) == sorted(set(items))
