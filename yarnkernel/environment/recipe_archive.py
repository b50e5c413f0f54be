"""Makes the recipe's archive: the part of this package that is sent to run next to a kernel."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from pathlib import Path

#: The package's files in it. Its other imports come with ipykernel, and on YARN with skein.
_PARTS = (
    *("*.py", "container/*.py", "spark/*.py", "store/*.py", "hadoop/*.py"),
    "hadoop/messages.pb",
)
#: The date of all files, the earliest in a zip archive, so that archives are reproducible.
_DATE = (1980, 1, 1, 0, 0, 0)


@functools.cache
def recipe_archive() -> tuple[str, bytes]:
    """Return a name that identifies the content, and the archive."""
    root = Path(__file__).parent.parent
    paths = sorted({path for part in _PARTS for path in root.glob(part)})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            name = f"yarnkernel/{path.relative_to(root).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes(), zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    return f"recipe-{hashlib.sha256(content).hexdigest()[:16]}", content
