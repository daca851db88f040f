"""Third-party plugins for tests: dropped into the lab's data directory, or installed as a package; then a new start."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from appliance import boot, config
from appliance.plugins import sources, verdicts
from appliance.plugins.verdicts import Verdict
from appliance.runtime import plugincheck
from tests.lab import Lab, registry

HEAD = """
from appliance.plugins import *

INFO = PluginInfo({name!r}, title={title!r})
"""


def drop(lab: Lab, name: str, code: str = "", head: str = HEAD) -> Path:
    """A plugin in a file, as an admin puts it there."""
    path = lab.config.paths.plugins / f"{name}.py"
    path.write_text(head.format(name=name, title=name.title()) + code)
    return path


def start_again(lab: Lab, limit_s: float = 60) -> dict[str, Verdict]:
    """What is new is tried, and everything starts with what fits. The verdicts."""
    config.save(lab.config)
    plugincheck.check(lab.db, lab.config, limit_s)
    reload(lab)
    return verdicts.every(lab.db)


def reload(lab: Lab) -> None:
    """A new start of web and worker, in this process."""
    config.save(lab.config)
    made = boot.boot_with_plugins(lab.config.data, lab.clock)
    found = made.registry
    sizes = dict(registry().instance_types)  # of the lab's machine, not of this one
    sizes |= {
        name: kind
        for name, kind in found.instance_types.items()
        if found.owners["register_instance_types", name] != "instance_types"
    }
    lab.appliance = replace(made, registry=replace(found, instance_types=MappingProxyType(sizes)))
    lab.__dict__.pop("app", None)
    lab.restart()
    lab.tables = lab._tables()


def forget_modules() -> None:
    """The next test imports its plugins anew."""
    for name in list(sys.modules):
        if name.startswith((sources.MODULES, "lab_widgets")):
            del sys.modules[name]
