"""The rules of the house: floors, abstract or final, sizes, and that everything has a case and an example."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import equinox as eqx
import pytest
from cases import KERNELS, LIKELIHOODS, MEAN_FUNCTIONS, MODELS, MULTIOUTPUT_KERNELS

import gparams as gp

HOME = Path(gp.__file__).parent
FILES = sorted(HOME.rglob("*.py"))
FLOORS = {
    **dict.fromkeys(("parameters", "maths"), 1),
    **dict.fromkeys(("kernels", "mean_functions", "likelihoods", "fitting", "sampling"), 2),
    "inducing_variables": 3,
    **dict.fromkeys(("posteriors", "expectations", "pathwise"), 4),
    "conditionals": 4.5,
    "models": 5,
    **dict.fromkeys(("datasets", "gpflow", "plotting"), 6),
    "_lazy": 6.5,  # what of the front door opens when asked for
    **dict.fromkeys(("__init__", "__main__"), 7),
}
OPTIONAL = {"matplotlib", "arviz", "blackjax", "tensorboardX"}  # imported where it is used
BASES = {"Module", "Kernel", "MeanFunction", "Likelihood", "GPModel", "InducingVariables"}  # users subclass these
MAX_FILE, MAX_FUNCTION = 500, 60

each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(HOME).as_posix())


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path):
    return path.relative_to(HOME).with_suffix("").parts[0]


def rooms_imported(path):
    """Rooms of gparams that a file imports from; "__init__" for the package itself."""
    package = ["gparams", *path.relative_to(HOME).parent.parts]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            targets = [[*module, alias.name] for alias in node.names] if module == ["gparams"] else [module]
        else:
            continue
        for target in targets:
            if target[0] == "gparams":
                yield target[1] if len(target) > 1 and target[1] in FLOORS else "__init__"


def test_there_are_files_and_imports_to_look_at():
    assert len(FILES) > 20
    assert set(rooms_imported(HOME / "models" / "_gpr.py")) >= {"kernels", "likelihoods", "maths", "models"}


@each_file
def test_imports_go_down_only(path):
    room = room_of(path)
    assert room in FLOORS, f"{room} has no floor: add it to FLOORS, as docs/design.md has it"
    wrong = {r for r in rooms_imported(path) if r != room and FLOORS[r] >= FLOORS[room]}
    if room == "__main__":
        wrong.discard("__init__")  # the demonstration walks in by the front door, as a user does
    assert not wrong, f"{room} (floor {FLOORS[room]}) imports {wrong}"


@each_file
def test_no_hidden_imports(path):
    hidden = []
    for node in ast.walk(parse(path)):
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not guarded and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import):
                names = {alias.name.split(".")[0] for alias in inner.names}
            elif isinstance(inner, ast.ImportFrom):
                names = {"." if inner.level else inner.module.split(".")[0]}
            else:
                continue
            hidden += [f"line {inner.lineno}: {name}" for name in names - OPTIONAL]
    assert not hidden


@each_file
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


def code_lines(node):
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= first.end_lineno - first.lineno + 1
    return lines


@each_file
def test_functions_are_short(path):
    functions = [n for n in ast.walk(parse(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: code_lines(f) for f in functions if code_lines(f) > MAX_FUNCTION}
    assert not long


@pytest.mark.parametrize("path", [f for f in FILES if f.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_front_doors_only_re_export(path):
    docstring, *rest = parse(path).body
    assert isinstance(docstring, ast.Expr) and isinstance(docstring.value.value, str)
    for node in rest:
        if path.parent == HOME and isinstance(node, ast.Assign):
            assert [t.id for t in node.targets] == ["__version__"]
            continue
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        assert all(alias.asname == alias.name for alias in node.names), ast.unparse(node)


def all_modules():
    found = pkgutil.walk_packages([str(HOME)], "gparams.")
    return [gp, *(importlib.import_module(m.name) for m in found if m.name != "gparams.__main__")]


def is_abstract(cls):
    return inspect.isabstract(cls) or bool(getattr(cls, "__abstractvars__", ()))


def is_final(cls):
    return bool(vars(cls).get("__final__"))


CLASSES = sorted(
    {
        cls
        for module in all_modules()
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, eqx.Module) and cls.__module__.startswith("gparams")
    },
    key=lambda cls: cls.__qualname__,
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__qualname__)
def test_modules_are_abstract_or_final(cls):
    if is_final(cls):
        assert not is_abstract(cls)
        children = [c for c in CLASSES if cls in c.__mro__[1:]]
        assert not children
    else:
        assert is_abstract(cls) or cls.__name__ in BASES, "neither abstract nor @final"


FAMILIES = {
    "kernels": KERNELS | MULTIOUTPUT_KERNELS,
    "mean_functions": MEAN_FUNCTIONS,
    "likelihoods": LIKELIHOODS,
    "models": MODELS,
}


PARTS = {"RobustMax"}  # of a member of the family; they have its case


@pytest.mark.parametrize("family", FAMILIES)
def test_each_final_class_has_a_case(family):
    public = vars(getattr(gp, family)).values()
    final = {cls for cls in public if isinstance(cls, type) and issubclass(cls, eqx.Module) and is_final(cls)}
    final = {cls for cls in final if cls.__name__ not in PARTS}
    assert final
    assert final <= {type(make()) for make in FAMILIES[family].values()}


NAMES = (
    "",
    ".conditionals",
    ".datasets",
    ".fitting",
    ".inducing_variables",
    ".kernels",
    ".likelihoods",
    ".maths",
    ".mean_functions",
    ".models",
)
ROOMS = [
    importlib.import_module(f"gparams{name}")
    for name in (*NAMES, ".parameters", ".pathwise", ".plotting", ".posteriors")
]
PUBLIC = {
    f"{room.__name__}.{name}": value
    for room in ROOMS
    for name, value in vars(room).items()
    if not name.startswith("_")
    and (inspect.isfunction(value) or inspect.isclass(value))
    and value.__module__.startswith(room.__name__)
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_a_docstring_with_an_example(name):
    text = inspect.getdoc(PUBLIC[name])
    assert text
    assert "Examples\n--------" in text
    assert ">>> " in text
