"""The explorer in a real JupyterLab, in a real browser: every panel appears, answers, and fits the window."""

import importlib.util
from dataclasses import replace

import lab
import pytest
from records import made

from tinylm import ledger
from tinylm.study.recipes import recipe

NOTEBOOK = "00_explore.ipynb"
PROMPT = "Domin : a letter of the"
MISSING = [name for name, found in (("playwright", importlib.util.find_spec("playwright")), ("chromium", lab.CHROMIUM)) if not found]
# What stands out of the window, but for tables that scroll, and cards whose text stands out of them.
OVERHANGING = """() => [...document.querySelectorAll('.tinylm-explore *')].filter(
    e => !e.closest('.tinylm-scroll') && e.getBoundingClientRect().right > window.innerWidth + 1
        || e.matches('.tinylm-card') && e.scrollWidth > e.clientWidth).map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The notebook, all run, in a copy of the repository with the package's models and a few recorded recipes."""
    if MISSING:
        pytest.skip(f"needs {' and '.join(MISSING)} (pip install playwright; a Chromium of the system)")
    home = lab.copied(tmp_path_factory.mktemp("lab"), NOTEBOOK)
    for flops, nll in ((10**11, 2.0), (10**13, 1.5)):
        score = replace(made().valid, nll=nll)
        ledger.write(made(spec=recipe("transformer", "grammar-char", flops), valid=score, test=score), home / "out" / "ledger" / "local")
    with lab.served(home) as address, lab.opened(address(f"notebooks/{NOTEBOOK}")) as page:
        lab.run_all(page)
        page.locator(".tinylm-explore").nth(3).wait_for()
        yield page


def panel(page, number):
    return page.locator(".tinylm-explore").nth(number)


def after(panel, part, act):
    """What a part of a panel shows once it has changed because of `act`."""
    before = panel.locator(part).first.evaluate("e => e.outerHTML")
    act()
    panel.page.wait_for_function(
        "([panel, part, before]) => { const e = panel.querySelector(part); return e && e.outerHTML !== before }",
        arg=[panel.element_handle(), part, before],
    )
    return panel.locator(part).first.evaluate("e => e.outerHTML")


def test_curves_turn_from_flops_to_steps(page):
    runs = panel(page, 0)
    runs.locator("img").wait_for()
    assert "against steps" in after(runs, "img", runs.get_by_role("button", name="steps").click)
    after(runs, "table", lambda: runs.get_by_label("corpus").select_option("grammar-char"))


def test_a_budget_is_chosen_on_the_slider(page):
    budget = panel(page, 1)
    after(budget, "pre, .tinylm-notice", lambda: budget.get_by_label("corpus").select_option("grammar-char"))
    budget.get_by_text("The records recommend").wait_for()
    handle = budget.locator(".noUi-handle")
    assert "--budget 1.26e12" in after(budget, "pre", lambda: handle.press("ArrowRight"))


def test_two_models_write_side_by_side(page):
    models = panel(page, 2)
    models.get_by_label("prompt").fill(PROMPT)
    models.get_by_label("models").select_option(index=[0, 1])
    models.get_by_role("button", name="Continue").click()
    models.locator(".tinylm-card").nth(1).wait_for()
    assert all(text.replace("↵", "").startswith(PROMPT) for text in models.locator(".tinylm-text").all_inner_texts())
    left, right = (models.locator(".tinylm-card").nth(i).bounding_box() for i in range(2))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]


def test_a_head_is_chosen_and_drawn(page):
    attention = panel(page, 3)
    attention.get_by_label("text").fill(PROMPT)
    attention.get_by_role("button", name="Read the text").click()
    attention.locator("img").wait_for()
    assert "head 2 of 4" in after(attention, "img", lambda: attention.get_by_label("head").select_option("2"))


def test_nothing_hangs_over_the_edge_of_a_wide_or_a_narrow_window(page):
    for width in (1400, 800):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(500)
        assert page.evaluate(OVERHANGING) == []
