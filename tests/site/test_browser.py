"""The built site in a headless Chromium, from a local server: it works, is quiet, asks nobody else, and fits a phone."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLE = "gallery/plot_basic_regression.html"
NAME = "api/generated/gparams.models.GPR.html"
PAGES = ["index.html", "tutorial.html", "gallery/index.html", EXAMPLE, "api/index.html", "api/kernels.html", NAME]
PHONE = {"width": 375, "height": 800}
MATHS_IS_SET = "document.querySelectorAll('mjx-container').length > 0"
HITS = "[...document.querySelectorAll('#search-results li a')].map(a => a.textContent)"
SIZE = "getComputedStyle(document.querySelector('article section > p')).fontSize"

# Pictures that were asked for and did not come.
BROKEN = "[...document.images].filter(i => i.loading !== 'lazy' && !i.naturalWidth).map(i => i.src)"
STEPS = [
    *({"path": page, "script": BROKEN, "wait": "document.readyState === 'complete'"} for page in PAGES),
    {"path": NAME, "wait": MATHS_IS_SET, "script": "document.querySelectorAll('mjx-container').length"},
    {"path": "search.html?q=Matern32", "wait": HITS + ".length", "script": HITS},
    {"path": "search.html?q=lengthscales", "wait": HITS + ".length", "script": HITS + ".length"},
    *({"path": page, **PHONE, "script": SIZE} for page in PAGES),
    {"path": NAME, **PHONE, "wait": MATHS_IS_SET},
]


@pytest.fixture(scope="module")
def reports(server):
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("PySide6.QtWebEngineCore") is None:
        if os.environ.get("GPARAMS_SITE"):
            pytest.fail("no browser: pip install '.[browser]'")
        pytest.skip("no browser: pip install '.[browser]'")
    command = [sys.executable, str(HERE / "browser.py"), server, json.dumps(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


pytestmark = pytest.mark.slow


def test_every_page_loads(reports):
    assert len(reports) == len(STEPS)
    assert not [r["path"] for r in reports if not r["loaded"] or not r["ready"]]


def test_the_console_is_quiet(reports):
    said = [(r["path"], *line) for r in reports for line in r["console"] if not line[0].startswith("Info")]
    assert not said


def test_no_request_leaves_the_machine(reports, server):
    asked = [url for r in reports for url in r["requests"]]
    assert len(asked) > len(STEPS)  # the pages themselves, at the least
    assert not [url for url in asked if not url.startswith((server, "data:", "blob:"))]


def test_every_picture_came(reports):
    assert [r["value"] for r in reports[: len(PAGES)]] == [[]] * len(PAGES)


def test_formulas_are_set(reports):
    assert reports[len(PAGES)]["value"] > 3


def test_search_finds_names_and_words(reports):
    names, words = (r["value"] for r in reports[len(PAGES) + 1 : len(PAGES) + 3])
    assert any("Matern32" in name for name in names)
    assert words > 5


def test_it_fits_a_phone(reports):
    phone = reports[len(PAGES) + 3 :]
    assert len(phone) == len(PAGES) + 1
    assert all(r["width"] <= PHONE["width"] for r in phone)
    assert not [(r["path"], r["content_width"]) for r in phone if r["content_width"] > r["width"]]
    assert all(float(r["value"].removesuffix("px")) >= 14 for r in phone[: len(PAGES)])
