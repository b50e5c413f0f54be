"""The gateway's settings; options behind the image's name in `docker run` replace them."""

import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn

#: Where Docker and Compose put a secret of this name.
MOUNTED = "/run/secrets/gateway_token"


def refuse(reason: object) -> NoReturn:
    """End with a line that says why."""
    print(f"gateway: {reason}", file=sys.stderr)
    raise SystemExit(2)


def find_token() -> str:
    """Whose holder may run code: of a file or a variable, else one made once and kept at home.

    Jupyter itself would print one that it has made into the log, where it is read by more than
    those who may use it, take an empty one for leave to come in without, and a line's end in a
    file for a part of it.
    """
    # Kernels and terminals inherit the environment.
    given = os.environ.pop("JUPYTER_TOKEN", "").strip()
    path = os.environ.pop("JUPYTER_TOKEN_FILE", "")
    file = Path(path or MOUNTED)
    if not given and (path or file.exists()):
        try:
            given = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as exc:
            refuse(f"the token cannot be read: {exc}; next: chmod it for user id {os.getuid()}")
        if path and not given:
            refuse(f"there is no token in {path}")
    return given or own_token(Path.home() / ".gateway-token")


def own_token(file: Path) -> str:
    """Read the token that this home has, or make one."""
    print(f"gateway: no token is given: that in {file} counts", file=sys.stderr)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"{secrets.token_hex(32)}\n")
    return file.read_text().strip() or refuse(f"there is no token in {file}; next: remove it")


c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets')
c.ServerApp.ip = "0.0.0.0"  # noqa: S104  (of this container)
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
# Names of the machine that publishes the port are not known in here; the token guards.
c.ServerApp.allow_remote_access = True
c.ServerApp.root_dir = str(Path.home() / "notebooks")
c.ServerApp.allow_external_kernels = True
c.ServerApp.external_connection_dir = str(Path.home() / "kernels")
c.ServerApp.terminals_enabled = False
c.KernelSpecManager.ensure_native_kernel = False
c.MultiKernelManager.default_kernel_name = "yarn"
c.IdentityProvider.token = find_token()
