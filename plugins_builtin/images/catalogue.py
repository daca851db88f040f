"""The images that come with the appliance."""

from __future__ import annotations

from pathlib import Path

from appliance.plugins import Image

RECIPES = Path(__file__).parent / "recipes"

# ${BASE_URL} is the path prefix at the gateway, ${SOCKET} the socket that the gateway connects to.
JUPYTERLAB = (
    "jupyter",
    "lab",
    "--allow-root",
    "--no-browser",
    "--ServerApp.sock=${SOCKET}",
    "--ServerApp.sock_mode=0666",
    "--ServerApp.base_url=${BASE_URL}",
    "--ServerApp.root_dir=/notebooks",
    "--IdentityProvider.token=",
    "--ServerApp.allow_remote_access=True",
)

IMAGES = (
    Image(
        "base",
        title="Base",
        description="Debian with Python 3 and git. Small; for jobs and as a start for images of your own.",
        purposes=("job",),
        recipe=RECIPES / "base",
        aliases=("bash", "debian", "ubuntu"),
    ),
    Image(
        "notebook",
        title="Notebook",
        description="JupyterLab on Debian with Python 3, git and a terminal as root.",
        purposes=("notebook", "job"),
        recipe=RECIPES / "notebook",
        parent="base",
        command=JUPYTERLAB,
        aliases=("paperspace/gradient-base", "jupyter/base-notebook", "jupyter/minimal-notebook"),
    ),
)
