"""Runs a notebook inside a container, from top to bottom: `python3 -c <this> SOURCE RESULT`.

The result is written while it runs, every few seconds, and says all that was printed when a cell fails.
What cells print goes to the log as well.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

WRITE_S = 3.0


class Runner(NotebookClient):
    """Saves now and then, and says what it does."""

    result = ""
    saved_s = 0.0

    def save(self) -> None:
        """The notebook as it is now: there whole, or as it was."""
        part = f"{self.result}.part"
        nbformat.write(self.nb, part)
        os.replace(part, self.result)
        self.saved_s = time.monotonic()

    def output(
        self,
        outs: list[nbformat.NotebookNode],
        msg: dict[str, Any],
        display_id: str | None,
        cell_index: int,
    ) -> nbformat.NotebookNode | None:
        """Each thing that a cell prints."""
        if msg["header"]["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        made = super().output(outs, msg, display_id, cell_index)
        if time.monotonic() - self.saved_s > WRITE_S:
            self.save()
        return made


def main(source: str, result: str) -> int:
    """0, or 1 when a cell failed."""
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    runner = Runner(
        notebook, timeout=None, resources={"metadata": {"path": str(Path(source).resolve().parent)}}
    )
    runner.result = result
    total = len(notebook.cells)
    runner.on_cell_start = lambda cell, cell_index: print(
        f"[cell {cell_index + 1} of {total}]", flush=True
    )
    try:
        runner.execute()
    except (CellExecutionError, DeadKernelError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        runner.save()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
