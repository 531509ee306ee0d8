import re

from chapters import code


def test_page_needs_neither_script_nor_network_and_fits_phones_and_dark_rooms(report, figure):
    page = report(["# A", code(figure("loss"))])
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!#|data:|report\.pdf)|@import|url\(', page)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert all(s in page for s in ("prefers-color-scheme: dark", "max-width: 30rem", 'alt="A rising line."', 'role="doc-toc"'))
