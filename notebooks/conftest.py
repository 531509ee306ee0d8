"""nbval compares the stored outputs of the notebooks with fresh ones: text, tables and the CSV behind every figure.

Vector drawings are left out: their coordinates may differ in a last digit between machines while the numbers drawn do not.
"""


def pytest_itemcollected(item):
    """Leave SVG out of the comparison of every notebook cell."""
    if hasattr(item.parent, "skip_compare") and "image/svg+xml" not in item.parent.skip_compare:
        item.parent.skip_compare += ("image/svg+xml",)
