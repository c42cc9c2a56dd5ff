"""The limits of taste that ruff has no rule for: the length of files and of functions, and what the core may hold."""

import ast

from support.house import ROOT, python_files

FILE_LINES = 300
TEST_FILE_LINES = 400
FUNCTION_LINES = 40


def test_no_file_is_longer_than_300_lines():
    assert too_long("service", "sensors", "migrations", "bench", limit=FILE_LINES) == {}


def test_no_file_of_tests_is_longer_than_400_lines():
    assert too_long("tests", limit=TEST_FILE_LINES) == {}


def test_no_function_is_longer_than_40_lines():
    found = {}
    for path in python_files("service", "sensors", "migrations", "bench"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := lines_of(node)) > FUNCTION_LINES:
                found[f"{path.relative_to(ROOT)}:{node.name}"] = lines

    assert found == {}


def test_the_core_waits_for_nothing():
    waits = ast.Await | ast.AsyncFunctionDef | ast.AsyncWith | ast.AsyncFor
    found = {
        f"{path.name}:{node.lineno}"
        for path in python_files("service/runbell/core")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, waits)
    }

    assert found == set()


def test_no_file_is_named_after_nothing():
    nothing = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc", "seen"}

    assert [path for path in python_files("service", "tests") if path.stem in nothing] == []


def too_long(*folders, limit):
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files(*folders)}
    assert lengths or folders == ("bench",)
    return {path: length for path, length in lengths.items() if length > limit}


def lines_of(function):
    assert function.end_lineno
    length = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno
        length -= first.end_lineno - first.lineno + 1
    return length
