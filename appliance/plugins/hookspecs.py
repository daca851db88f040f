"""All hooks. A plugin implements what it needs with `@hookimpl`.

`register_*` hooks are contributions: called once at boot, plugin by plugin, and frozen into the registry.
The others are conversations, called while running through registry.py, which knows who answers and isolates failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pluggy
from sqlite_utils import Migrations

from appliance.plugins.contracts import (
    ApiResource,
    AuthProvider,
    Image,
    InstanceType,
    Loop,
    Pages,
    Panel,
    RefKind,
    Searchable,
    Setting,
    SetupStep,
)

if TYPE_CHECKING:
    from appliance.context import Context
    from appliance.events import Event
    from appliance.runtime.spec import SpecPatch
    from appliance.runtime.workloads import Workload

PROJECT = "appliance"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The specification that pluggy checks implementations against."""

    @hookspec
    def register_migrations(self) -> list[Migrations]:  # type: ignore[empty-body]
        """Numbered changes to this plugin's own tables."""

    @hookspec
    def register_settings(self) -> list[Setting]:  # type: ignore[empty-body]
        """Live values that an admin may change."""

    @hookspec
    def register_api_resources(self) -> list[ApiResource]:  # type: ignore[empty-body]
        """Nouns of the API."""

    @hookspec
    def register_pages(self) -> list[Pages]:  # type: ignore[empty-body]
        """HTML pages, navigation, project tabs."""

    @hookspec
    def register_panels(self) -> list[Panel]:  # type: ignore[empty-body]
        """Boxes on other pages."""

    @hookspec
    def register_commands(self) -> list[click.Command]:  # type: ignore[empty-body]
        """Admin commands of the `appliance` program."""

    @hookspec
    def register_ref_kinds(self) -> list[RefKind]:  # type: ignore[empty-body]
        """What values of specs may refer to, as `secret:NAME` does."""

    @hookspec
    def register_instance_types(self) -> list[InstanceType]:  # type: ignore[empty-body]
        """Sizes that workloads can have."""

    @hookspec
    def register_images(self) -> list[Image]:  # type: ignore[empty-body]
        """Entries of the image catalogue."""

    @hookspec
    def register_auth_providers(self) -> list[AuthProvider]:  # type: ignore[empty-body]
        """Ways to sign in."""

    @hookspec
    def register_loops(self) -> list[Loop]:  # type: ignore[empty-body]
        """Turns for the worker."""

    @hookspec
    def register_setup(self) -> list[SetupStep]:  # type: ignore[empty-body]
        """What a new appliance needs before its first start."""

    @hookspec
    def register_search(self) -> list[Searchable]:  # type: ignore[empty-body]
        """What the search box looks through."""

    @hookspec
    def on_event(self, ctx: Context, event: Event) -> None:
        """Told of every event, in order, at least once; may raise to be told again."""

    @hookspec
    def extend_workload(self, ctx: Context, workload: Workload) -> SpecPatch | None:
        """Add to a workload before it starts; `Refused` vetoes it with a reason that its user sees."""
