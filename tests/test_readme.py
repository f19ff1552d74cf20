"""Every Python block of the README runs, and every page of the documentation runs from top to bottom."""

import re
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(?:python|\{code-block\} python)\n((?::\w+:[^\n]*\n)*)(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks_of(page):
    return [block for _, block in FENCE.findall(page.read_text(encoding="utf-8"))]


BLOCKS = blocks_of(ROOT / "README.md")
WRITTEN = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
PAGES = [page for page in WRITTEN if blocks_of(page)]


def test_there_are_blocks():
    assert len(BLOCKS) >= 2
    assert len(PAGES) >= 6


@pytest.mark.parametrize("page", [ROOT / "README.md", *WRITTEN], ids=lambda page: page.stem)
def test_no_python_hides_from_these_tests(page):
    """Whatever looks like Python is a block that runs; and every fence says what it holds."""
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *```+(.+)$", text, re.MULTILINE)
    blocks = blocks_of(page)
    assert sum("py" in fence for fence in fences) == len(blocks) and all(block.strip() for block in blocks)
    assert text.count("```") == 2 * len(fences)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(page, capsys):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    scope = {"__name__": "__main__"}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks_of(page):
            exec(compile(block, str(page), "exec"), scope)
    figures = plt.get_fignums()
    plt.close("all")
    assert capsys.readouterr().out.strip() or figures


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block):
    scope = {}
    exec(compile(block, "README.md", "exec"), scope)
    assert "gp" in scope or "gpflow" in scope


def test_the_task_does_what_it_says(capsys):
    scope = {}
    task = next(block for block in BLOCKS if "predict_f" in block)
    exec(compile(task, "README.md", "exec"), scope)
    model = scope["result"].model
    assert scope["result"].converged
    assert not model.kernel.lengthscales.trainable and float(model.kernel.lengthscales) == 1.0
    assert "Gamma" in capsys.readouterr().out


def test_the_task_under_users_own_settings(capsys):
    """A reader has neither strict promotion nor shape checks on."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        exec(compile(BLOCKS[0], "README.md", "exec"), {})
    assert "lengthscales" in capsys.readouterr().out
