"""JupyterLab behind the appliance's gateway, which signs users in; nothing calls home."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = (
    "readonly"  # the other one asks PyPI; `pip install` in a terminal still works
)

# The Host header is the gateway's name for this notebook, which this server can't know.
c.ServerApp.allow_remote_access = True
# Output of cells that run on after the last tab was closed goes into the notebook's file.
c.ServerApp.kernel_websocket_connection_class = "appliance_recorder.RecordingConnection"
# Not a login shell: /etc/profile would take /opt/lab/bin out of PATH.
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}
