"""Every Python block of a page runs when the site is built, and what it prints and draws stands below it.

A page is one session: its blocks share their names, from top to bottom. A block that raises an error fails the build. A
block of class ``folded`` is folded away under its picture.
"""

import contextlib
import io
import warnings
from pathlib import Path

import jax
from docutils import nodes

_SUMMARY = "The code of the picture"
_OFF = {"jax_enable_x64": False, "jax_numpy_dtype_promotion": "standard", "jax_numpy_rank_promotion": "allow"}


def reset_jax(gallery=None, name=None, when=None):
    """Give the next script JAX as it is when it starts; sphinx-gallery calls it, too."""
    for option, value in _OFF.items():
        jax.config.update(option, value)


def run(code: str, scope: dict, name: str) -> str:
    """Run one block, and return what it prints."""
    if "import gparams.gpflow" in code:  # which turns on 64 bits, but only the first page's import of it does anything
        jax.config.update("jax_enable_x64", True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), scope)
    return out.getvalue()


def _draw(figure, folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / name, dpi=160, bbox_inches="tight")
    return f"/{folder.name}/{name}"


def _run_page(app, doctree):
    import matplotlib.pyplot as plt

    page = app.env.docname
    if page.startswith(("api/", "gallery/")):
        return
    blocks = [b for b in doctree.findall(nodes.literal_block) if b.get("language") == "python"]
    if not blocks:
        return
    reset_jax()
    plt.close("all")
    scope = {"__name__": "__main__"}
    for i, block in enumerate(blocks):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="tensorflow_probability.*")
            text = run(block.astext(), scope, f"{page}, block {i + 1}")
        after = []
        if text.strip():
            output = nodes.literal_block(text.rstrip(), text.rstrip(), language="none", classes=["live-output"])
            after.append(output)
        for j in plt.get_fignums():
            figure = plt.figure(j)
            name = f"{page.replace('/', '-')}-{i + 1}-{j}.png"
            uri = _draw(figure, Path(app.srcdir) / "pictures", name)
            titles = [ax.get_title() or ax.get_ylabel() for ax in figure.axes]
            alt = "Picture: " + ", ".join(t for t in titles if t)
            after.append(nodes.image(uri=uri, alt=alt, classes=["live-picture"]))
        plt.close("all")
        parent, position = block.parent, block.parent.index(block)
        parent[position + 1 : position + 1] = after
        if "folded" in block["classes"]:
            parent.remove(block)
            start, end = f"<details><summary>{_SUMMARY}</summary>", "</details>"
            folded = [nodes.raw("", start, format="html"), block, nodes.raw("", end, format="html")]
            parent[position + len(after) : position + len(after)] = folded
    reset_jax()


def setup(app):
    """Run pages after they are read, and before their images are collected."""
    app.connect("doctree-read", _run_page, priority=100)
    return {"version": "1", "parallel_read_safe": False}
