"""Each test that docs/WHAT_YOU_BRING.md names exists, and each row names one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs/WHAT_YOU_BRING.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| you bring |")
]


def test_each_row_names_tests_that_exist():
    assert len(ROWS) > 10
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.split("|")[-2])
        assert named, row
        for path, function in named:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert function in functions, f"{path} has no {function}"


def test_links_lead_to_pages():
    for page in re.findall(r"\]\(([\w.]+\.md)\)", "".join(ROWS)):
        assert (ROOT / "docs" / page).is_file(), page
