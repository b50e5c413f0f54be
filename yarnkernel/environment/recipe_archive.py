"""The recipe as it travels: the part of this package that runs beside a kernel."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from pathlib import Path

#: Files of the package that it consists of. What it imports besides comes with ipykernel, and on
#: YARN with skein.
_PARTS = (
    *("*.py", "container/*.py", "spark/*.py", "store/*.py", "hadoop/*.py"),
    "hadoop/messages.pb",
)
#: A date that all files get, the first that an archive can have: what is the same is so to the bit.
_DATE = (1980, 1, 1, 0, 0, 0)


@functools.cache
def recipe_archive() -> tuple[str, bytes]:
    """Return a name for its content, and the archive."""
    root = Path(__file__).parent.parent
    paths = sorted({path for part in _PARTS for path in root.glob(part)})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            name = f"yarnkernel/{path.relative_to(root).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes(), zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    return f"recipe-{hashlib.sha256(content).hexdigest()[:16]}", content
