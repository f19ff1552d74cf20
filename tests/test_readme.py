"""Every Python block of the README runs, and every page of the documentation runs from top to bottom."""

import re
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "```python" in page.read_text()]


def test_there_are_blocks():
    assert len(BLOCKS) >= 2
    assert PAGES


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(page, capsys):
    scope = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            exec(compile(block, str(page), "exec"), scope)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


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
