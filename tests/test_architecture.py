"""How the house is built: what may import what, how full a folder may be, and that no two types share a name."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("core", "hardware", "perception", "grasping", "trials", "calibration", "app", "main")
#: Direct files of a folder.
MOST_FILES, MOST_TEST_FILES = 16, 20
#: Words of README, of a guide, and of all guides together.
README_WORDS, GUIDE_WORDS, ALL_GUIDES_WORDS = 700, 800, 8000


@cache
def modules() -> dict[str, ast.Module]:
    """Name -> syntax tree of every module outside the tests."""
    paths = [ROOT / "main.py", *(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))]
    return {name_of(path): ast.parse(path.read_text()) for path in paths}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of ours that one imports, wherever in its file: in functions and for types alone too."""
    found: set[str] = set()
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{module} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules().keys() or {node.module}
    return frozenset(found & modules().keys() - {module})


def test_imports_run_down_the_layers() -> None:
    for module in modules():
        layer = module.split(".")[0]
        above = [other for other in imports(module) if LAYERS.index(other.split(".")[0]) > LAYERS.index(layer)]
        assert not above, f"{module} imports from above: {above}"


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        (r"trials(\..+)?", r"(core|trials)(\..+)?"),
        (r"core(\..+)?", r"core(\..+)?"),
        (r"perception(?!\.learning)(\..+)?", r"(?!perception\.learning).+"),
        (r"grasping(\..+)?", r"(?!perception\.learning).+"),
        (r"app\.run(\..+)?", r"(?!perception\.learning).+"),
    ],
)
def test_a_room_imports_only_what_it_may(who: str, whom: str) -> None:
    for module in modules():
        if re.fullmatch(who, module):
            wrong = [other for other in imports(module) if not re.fullmatch(whom, other)]
            assert not wrong, f"{module} imports {wrong}"


def circles() -> Iterator[list[str]]:
    """Modules that import each other, however long the way (Tarjan's components of more than one)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in sorted(imports(module)):
            if other not in number:
                yield from visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            at = stack.index(module)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                yield component

    for module in modules():
        if module not in number:
            yield from visit(module)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not list(circles())


def test_no_two_types_share_a_name() -> None:
    named = Counter(
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, count in named.items() if count > 1]


@pytest.mark.parametrize(("tops", "most"), [(LAYERS[:-1], MOST_FILES), (("tests", "examples"), MOST_TEST_FILES)])
def test_no_folder_is_crowded(tops: tuple[str, ...], most: int) -> None:
    files = [path for top in tops for path in (ROOT / top).rglob("*.py") if path.name != "__init__.py"]
    crowded = {str(folder): count for folder, count in Counter(path.parent for path in files).items() if count > most}
    assert not crowded


def test_tests_lie_where_the_code_lies() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert (ROOT / folder).is_dir(), f"{path.relative_to(ROOT)}: there is no {folder}/"


def test_guides_are_short() -> None:
    words = {path.name: len(path.read_text().split()) for path in (ROOT / "docs").glob("*.md")}
    assert not {name: count for name, count in words.items() if count > GUIDE_WORDS}
    assert sum(words.values()) <= ALL_GUIDES_WORDS
    assert len((ROOT / "README.md").read_text().split()) <= README_WORDS


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.name)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
