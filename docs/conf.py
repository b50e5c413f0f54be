"""How Sphinx builds the documentation."""

import sys
from pathlib import Path

from yarnkernel import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "yarnkernel"
author = "the yarnkernel developers"
project_copyright = f"2026, {author}"
release = __version__

extensions = ["command_line", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "extensions"]
highlight_language = "none"  # a block after `::` is what somebody types, or sees
html_theme = "furo"
html_title = f"yarnkernel {release}"
html_copy_source = False

# Members stand in the order in which a reader needs them, as in the source.
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections have the types
numpydoc_show_class_members = False
