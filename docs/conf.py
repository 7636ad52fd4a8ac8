"""How the documentation is built: ``nox -s docs``. Nothing is fetched from the network."""

import sys
from pathlib import Path

from trio_bridge import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "trio_bridge"
author = project_copyright = "The trio_bridge maintainers"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinxcontrib_trio",
    "myst_parser",
    # Ours, in _ext.
    "command_line",
    "configuration",
    "public_names",
    "raises",
    "signatures",
]
exclude_patterns = ["_build", "examples"]

# sphinxcontrib-trio says async and "async with" by extending documenters that exist only in this mode.
autodoc_use_legacy_class_based = True
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
add_module_names = False
smartquotes_action = "De"  # Quotes stay straight: many of them are TOML.
python_use_unqualified_type_names = True

# Other projects' documentation would have to be fetched to link into it.
nitpick_ignore = [
    ("py:class", "Handler"),  # an alias for Callable[[Message], Any]
    ("py:class", "Responder"),  # and one for Callable[[Question], Reply]
]
nitpick_ignore_regex = [("py:.*", r"(builtins|collections|contextlib|datetime|os|pathlib|trio|typing)\..*")]

myst_heading_anchors = 3

html_theme = "furo"
html_title = f"trio_bridge {__version__}"
html_copy_source = False
