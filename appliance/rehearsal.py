"""A third-party plugin's first start: `python -m appliance.rehearsal DATA NAME LIMIT_S`, in a process of its own.

The whole appliance is put together with it, in web's uid, as web does it a moment later; whoever asked limits the time.
Its tables are made here as well. The last line of the output is the verdict.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from appliance import boot
from appliance import config as config_module
from appliance import db
from appliance.app import create_app
from appliance.clock import SystemClock
from appliance.db import open_db
from appliance.errors import PluginError
from appliance.plugins import loader, sources, verdicts
from appliance.plugins.sources import Source
from appliance.web import pages, rules

SLOW_SHARE = 1 / 6  # of the time limit; 10 s normally


def rehearse(data: Path, name: str, limit_s: float) -> dict[str, Any]:
    """What `verdicts.note` wants to know: title, version, reason, notes; retry: a plugin that it requires is missing."""
    config = config_module.load(data)
    found = {one.name: one for one in sources.find(config.paths.plugins)}
    others = verdicts.usable(open_db(config.paths.database), found.values())
    candidate = _timed(found[name], limit_s * SLOW_SHARE)
    builtins = loader.builtin_modules(loader.BUILTIN)
    registry, reasons = loader.load_more(
        builtins, [*(one for one in others if one.name != name), candidate]
    )
    if name in reasons:
        return {"reason": reasons[name], "retry": "requires" in reasons[name]}
    info = next(info for info in registry.plugins if info.name == name)
    verdict = {"title": info.title, "version": candidate.version or info.version, "reason": ""}
    try:
        verdict["notes"] = _start(boot.assemble(config, registry, SystemClock()), name)
    except (Exception, SystemExit) as error:  # third-party code may raise anything
        verdict["reason"] = loader.reason_of(error)
    return verdict


def _timed(source: Source, slow_s: float) -> Source:
    """The same one; slow to import is unfit, for every process would wait that long."""

    def module() -> ModuleType:
        started = time.monotonic()
        found = source.module()
        took_s = time.monotonic() - started
        if took_s > slow_s:
            raise PluginError(
                f"importing it takes {took_s:.1f} s, more than {slow_s:.0f} s",
                hint="do slow work in a loop or at the first use",
            )
        return found

    return replace(source, module=module)


def _start(appliance: boot.Appliance, name: str) -> str:
    """Everything that happens at a start; returns what is left out."""
    registry = appliance.registry
    app = create_app(appliance)
    rules.check(app)
    for step in registry.migrations:
        if registry.owners["register_migrations", step.name] != name:
            continue
        if any(step.name == core.name for core in boot.CORE_MIGRATIONS):
            raise PluginError(f"the core has migrations called {step.name}", hint="rename them")
        with db.write(appliance.local.get()) as connection:
            step.apply(connection)
    _set_up(appliance, name)
    return "; ".join(reason for owner, reason in pages.unreachable(app, registry) if owner == name)


def _set_up(appliance: boot.Appliance, name: str) -> None:
    for step in appliance.registry.setup:
        if appliance.registry.owners["register_setup", step.name] == name:
            for key, text in step.run(appliance.context(), os.environ).items():
                print(f"{key}: {text}")


def main() -> None:
    """Prints the verdict and ends at once, whatever threads the plugin started."""
    data, name, limit_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    faulthandler.dump_traceback_later(limit_s - 1)  # where it hangs, for the log
    verdict = rehearse(data, name, limit_s)
    print("", json.dumps(verdict), sep="\n", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
