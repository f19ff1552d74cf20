"""The reference names every public name of the package exactly once, and the bibliography every work that they cite."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from owners import home, inherited, public_names, rooms  # noqa: E402

PAGES = sorted((ROOT / "docs" / "api").glob("*.rst"))
PUBLIC = {home(value) for room in rooms() for value in public_names(room).values()}


def entries(page):
    """Full names in the tables of a page."""
    module, in_table = None, False
    for line in page.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        in_table = line.startswith(".. autosummary::") or (in_table and (not line or line.startswith("   ")))
        if in_table and re.fullmatch(r"   [A-Za-z]\w*", line):
            yield f"{module}.{line.strip()}"


NAMED = Counter(name for page in PAGES for name in entries(page))


def test_there_are_names_on_both_sides():
    assert len(PUBLIC) > 200 and len(NAMED) > 200
    assert {"gparams.Parameter", "gparams.kernels.Matern32", "gparams.models.GPR", "gparams.maths.cholesky"} <= PUBLIC


def test_every_public_name_stands_in_the_reference():
    missing = sorted(PUBLIC - set(NAMED))
    assert not missing, f"add to a table of docs/api: {missing}"


def test_every_entry_is_a_public_name():
    unknown = sorted(set(NAMED) - PUBLIC)
    assert not unknown, f"not public names, or known by an earlier one: {unknown}"


def test_no_name_stands_twice():
    assert not [name for name, count in NAMED.items() if count > 1]


def test_every_page_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8")
    assert set(re.findall(r"^   (\w+)$", index, re.MULTILINE)) == {page.stem for page in PAGES} - {"index"}


def test_what_is_inherited_is_listed_with_its_owner():
    found = dict(inherited("gparams.kernels.SquaredExponential"))
    assert "K_diag" in found["gparams.kernels.IsotropicStationary"]
    assert "__call__" in found["gparams.kernels.Kernel"]
    assert "K_r2" not in {name for names in found.values() for name in names}  # its own


def plain(title):
    return re.sub(r"[^a-z0-9]", "", title.lower())


TITLES = [
    plain(title)
    for title in re.findall(r" title = \{(.*?)\},", (ROOT / "docs" / "references.bib").read_text(encoding="utf-8"))
]
SECTION = re.compile(r"References\n\s*-{10}\n(.*?)(?=\n\s*\n\s*[A-Z][a-z]+\n\s*-{4,}|\"\"\")", re.DOTALL)
SOURCES = [
    path for path in sorted((ROOT / "gparams").rglob("*.py")) if SECTION.search(path.read_text(encoding="utf-8"))
]


def test_there_are_works_and_files_that_cite_them():
    assert len(TITLES) > 40 and len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_works_named_in_docstrings_are_in_the_bibliography(path):
    sections = SECTION.findall(path.read_text(encoding="utf-8"))
    named = [re.sub(r"\s+", " ", t) for section in sections for t in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", section)]
    missing = [t for t in named if not any(plain(known).startswith(plain(t)) for known in TITLES)]
    assert not missing, f"add to docs/references.bib: {missing}"
