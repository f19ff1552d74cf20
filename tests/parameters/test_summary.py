"""The table of Parameters."""

import io

import numpy as np
import pytest
from parameter_models import Model, Part

import gparams as gp


def row(table, name):
    (line,) = [line for line in table.splitlines() if line.lstrip("| ").startswith(name + " ")]
    return line


@pytest.mark.parametrize(
    ("fmt", "word"),
    [(None, "-----"), ("text", "-----"), ("html", "<table>"), ("latex", r"\begin{tabular}"), ("markdown", "|:---")],
)
def test_formats(fmt, word, unchecked):
    table = gp.tabulate(Model(), fmt)
    assert word in table and "scale" in table and "trainable" in table
    out = io.StringIO()
    gp.print_summary(Model(), fmt, file=out)
    assert out.getvalue() == table + "\n"


def test_unknown_format():
    with pytest.raises(ValueError, match="fmt='pdf': expected 'text', 'html', 'latex', 'markdown'"):
        gp.tabulate(Model(), "pdf")


def test_html_of_a_module():
    assert Model()._repr_html_() == gp.tabulate(Model(), "html")


def test_rows_of_masks_buffers_and_ties():
    class Matrix(gp.Module):
        Z: gp.Parameter

        def __init__(self):
            self.Z = gp.Parameter(np.ones((3, 2)))

    table = gp.tabulate(gp.set_trainable(Matrix().at.Z[0], False))
    assert "2 of 6 frozen" in row(table, "Matrix.Z") and "[[1., 1...." in table
    model = Model()
    table = gp.tabulate(gp.tie(model.at.parts[0].scale, model.at.parts[1].scale))
    assert "Buffer" in row(table, "Model.counts") and "False" in row(table, "Model.counts")
    first = table.splitlines().index(row(table, "Model.parts[0].scale"))
    assert table.splitlines()[first + 1].split() == ["Model.parts[1].scale"]


def test_place_shows_only_what_is_below():
    table = gp.tabulate(Model().at.parts[1])
    assert "Model.parts[1].scale" in table and "noise" not in table and "parts[0]" not in table


def test_number_formats():
    table = gp.tabulate({"a": gp.Parameter(1234.567891), "b": gp.Parameter(1.25e-9)})
    assert "1234.57" in table and "1.25e-09" in table
    assert "Identity" in table and "Softplus" in gp.tabulate(Part())
