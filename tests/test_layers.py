"""Who may import whom, and where SQL stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.plugins.loader import builtin_modules

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "appliance").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins_builtin").rglob("*.py"))
REQUIRES = {name: set(m.INFO.requires) for name, m in builtin_modules("plugins_builtin").items()}

# The only files outside web/ that may know Flask: what renders pages, and the composition root.
FLASK = re.compile(r"appliance/(web/.*|app)\.py|plugins_builtin/\w+/(\w+_)?pages\.py")
# Tables live in a plugin's store, the core's in the module that makes them.
SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|REPLACE|WITH)\s+[\w*(.]")
STORE = re.compile(r"plugins_builtin/\w+/store\.py|appliance/db\.py")
OWNER = re.compile(r"^migrations = Migrations\(", re.MULTILINE)
HEALTH = "SELECT 1"

# from the bottom up: a module imports from its own row and from those above it in this list only
ROWS = (
    r"errors|ids|clock",
    r"client(/.*)?|config|paths|db|crypto|schema|runtime/(spec|states|backend)",
    r"plugins/contracts",
    r"context|events|identity|access|vault|settings|sessions|api_keys|plugins/.*|runtime/(scheduler|images|limits|hostenv)",
    r"runtime/.*|boot|gate|commands",
    r"web/.*",
    r"app|cli|server|rehearsal",
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports when it is loaded or later; those for type checkers alone are left out."""
    tree = ast.parse(path.read_text())
    types_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in types_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def row_of(module: str) -> int:
    name = module.removeprefix("appliance.").replace(".", "/")
    for number, row in enumerate(ROWS):
        if re.fullmatch(row, name):
            return number
    raise AssertionError(f"{module} has no place in the layers")


def module_of(imported: str) -> str:
    """The module behind `appliance.db.write` or `appliance.db`."""
    path = ROOT / imported.replace(".", "/")
    if path.with_suffix(".py").exists() or path.is_dir():
        return imported
    return imported.rpartition(".")[0]


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_knows_no_plugin(path: Path) -> None:
    assert not [name for name in imports(path) if name.startswith("plugins_builtin")]


@pytest.mark.parametrize("path", [p for p in CORE if p.name != "__init__.py"], ids=name_of)
def test_the_core_imports_downwards(path: Path) -> None:
    own = row_of(name_of(path).removesuffix(".py").replace("/", "."))
    for imported in imports(path):
        if imported.startswith("appliance."):
            module = module_of(imported)
            if module not in (
                "appliance",
                "appliance.plugins",
                "appliance.runtime",
                "appliance.web",
            ):
                assert row_of(module) <= own, f"imports {module}"


@pytest.mark.parametrize("path", [p for p in CORE if "client" in p.parts], ids=name_of)
def test_the_client_needs_the_base_requirements_only(path: Path) -> None:
    allowed = {"click", "httpx", "rich", *sys.stdlib_module_names}
    for imported in imports(path):
        if imported.partition(".")[0] not in allowed:
            ours = ("appliance.client", "appliance.errors", "appliance.__version__")
            assert imported.startswith(ours), f"imports {imported}"


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_plugins_meet_at_their_services(path: Path) -> None:
    plugin = path.relative_to(ROOT).parts[1]
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] != "plugins_builtin" or len(parts) < 2 or parts[1] == plugin:
            continue
        assert parts[2:3] == ["service"], f"imports {imported}"
        assert parts[1] in REQUIRES[plugin], f"{parts[1]} is not in INFO.requires"


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_the_anatomy_of_a_plugin(path: Path) -> None:
    banned = {
        "store.py": ("appliance.events", "appliance.access", "flask", "appliance.db.write"),
        "service.py": ("flask", "werkzeug", "appliance.web"),
        "specs.py": ("flask", "appliance.db", "sqlite_utils"),
        "api.py": ("flask", "appliance.web", "appliance.db"),
    }.get(path.name, ())
    assert not [name for name in imports(path) if name.startswith(banned)]


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=name_of)
def test_flask_stays_at_the_web(path: Path) -> None:
    if not FLASK.fullmatch(name_of(path)):
        assert not [name for name in imports(path) if name.startswith("flask")]


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=name_of)
def test_sql_stays_with_its_tables(path: Path) -> None:
    source = path.read_text()
    if STORE.fullmatch(name_of(path)) or (path in CORE and OWNER.search(source)):
        return
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if SQL.match(text) and text != HEALTH] == []


def test_only_the_web_pays_for_pages() -> None:
    """The other processes load every plugin as well, and what they load is memory for as long as they run."""
    script = (
        "import sys; from appliance import boot; from appliance.plugins import loader; loader.load();"
        " import appliance.web.stream;"
        " print(*{'flask', 'httpx', 'rich', 'nbconvert'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stdout.split() == []
