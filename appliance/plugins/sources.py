"""Where third-party plugins come from: packages with an entry point, and files in the data directory.

Nothing of theirs is imported here; `Source.load` does that.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

import appliance
from appliance.errors import PluginError
from appliance.plugins import sound
from appliance.plugins.contracts import API_VERSION, PluginInfo

GROUP = "appliance.plugins"
MODULES = "appliance_dropin_"  # what a dropped-in plugin is called among Python's modules
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Source:
    """A plugin that somebody installed.

    name: of its entry point or file, and of the plugin. origin: for people, the package or the path. fingerprint:
    changes with the code, and with ours. problem: why it must not even be imported, or "".
    """

    name: str
    origin: str
    version: str
    fingerprint: str
    module: Callable[[], ModuleType]
    problem: str = ""

    def load(self) -> ModuleType:
        """Import it. Raises whatever its code raises, PluginError if it is no plugin of this name."""
        if self.problem:
            raise PluginError(self.problem)
        module = self.module()
        info = getattr(module, "INFO", None)
        if not isinstance(info, PluginInfo):
            raise PluginError("it has no INFO = PluginInfo(...)")
        sound.check_fields(self.name, info)
        if info.name != self.name:
            raise PluginError(
                f"it is installed as {self.name}, but its INFO says {info.name}",
                hint="give both one name",
            )
        return module


def find(directory: Path) -> list[Source]:
    """All there are, by name: packages first, then files; of two with one name the second has a problem."""
    found: dict[str, Source] = {}
    for source in (*_packages(), *_files(directory)):
        name = source.name
        if name in found:
            name = f"{name} ({source.origin})"
            problem = f"{found[source.name].origin} is called {source.name} already"
            source = Source(
                name, source.origin, source.version, source.fingerprint, source.module, problem
            )
        found[name] = source
    return [found[name] for name in sorted(found)]


def _packages() -> Iterator[Source]:
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        package = entry.dist
        if package is None:
            continue
        # RECORD lists every file with its digest
        text = f"{package.name} {package.version} {entry.value} {package.read_text('RECORD')}"
        yield Source(
            entry.name, f"package {package.name}", package.version, _fingerprint(text),
            partial(importlib.import_module, entry.module), _name_problem(entry.name),
        )  # fmt: skip


def _files(directory: Path) -> Iterator[Source]:
    if not directory.is_dir():
        return
    for path in sorted(directory.iterdir()):
        if path.name.startswith((".", "_")) or not (path.suffix == ".py" or path.is_dir()):
            continue
        files = sorted(path.rglob("*")) if path.is_dir() else []
        states = {one: one.lstat() for one in (path, *files)}
        text = "".join(
            f"{one}\0{state.st_size}\0{state.st_mtime_ns}\n"
            for one, state in states.items()
            if "__pycache__" not in one.relative_to(directory).parts  # Python's, which come and go
        )
        problem = _name_problem(path.stem) or _owner_problem(
            {directory: directory.lstat(), **states}
        )
        yield Source(
            path.stem, str(path), "", _fingerprint(text), partial(_import, path), problem
        )  # fmt: skip


def _name_problem(name: str) -> str:
    return (
        ""
        if _NAME.fullmatch(name)
        else "its name must be lower-case letters, digits and underscores"
    )


def _owner_problem(states: dict[Path, os.stat_result]) -> str:
    """Whoever may write these files would run code with our rights."""
    for path, state in states.items():
        if stat.S_ISLNK(state.st_mode):
            return f"{path} is a symlink: copy the file itself"
        if state.st_uid != 0 or state.st_mode & _OTHERS_WRITE:
            return f"{path} can be changed by others than root: chown root, chmod go-w"
    return ""


def _import(path: Path) -> ModuleType:
    """name.py, or name/plugin.py as part of a package, so that `from . import service` works there."""
    name = f"{MODULES}{path.stem}"
    if not path.is_dir():
        return _run(name, path)
    start = path / "__init__.py"
    if start.exists():
        _run(name, start, [str(path)])
    else:
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(path)]
    return importlib.import_module(f"{name}.plugin")


def _run(name: str, path: Path, search: list[str] | None = None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=search)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fingerprint(text: str) -> str:
    ours = f"{appliance.__version__} {API_VERSION}\n"
    return hashlib.sha256((ours + text).encode()).hexdigest()
