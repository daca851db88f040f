"""The words of a client as attributes. Types are in groups.pyi, which is generated from the builtin document."""

from __future__ import annotations

from typing import Any


class Groups:
    """`client.projects.tags` …: whatever the server's document has."""

    def group(self, name: str) -> Any:
        """The group of this name, for those that type checkers do not know: a plugin's."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.group(name)
