"""The documentation site: Sphinx, Markdown by MyST, Python by autodoc and numpydoc, C++ by Doxygen and Breathe.

CMake's target `docs` builds it and says where Doxygen's XML and the program are (docs/CMakeLists.txt).
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "proxprop"
author = "the proxprop authors"
copyright = author
release = re.search(r"project\(proxprop VERSION ([0-9.]+)", (HERE.parent / "CMakeLists.txt").read_text())[1]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "breathe",
    "sphinx_copybutton",
    "program_help",
]
exclude_patterns = ["*.py", "extensions", "pictures/*.py"]

html_theme = "furo"
html_title = "proxprop"
html_static_path = ["looks"]
html_css_files = ["width.css"]
html_show_copyright = False
html_show_sphinx = False

myst_heading_anchors = 3
suppress_warnings = [
    "myst.header",  # CONTRIBUTING.md and CHANGELOG.md are included as they are
    "duplicate_declaration.cpp",  # an option and the overload of its setter have one name
]

# Code without a language is formulas, trees and tables.
highlight_language = "none"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

default_role = "py:obj"  # `name` in a docstring is a link where there is such a name
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
# Layers inherit the hundred members of torch.nn.Module; what is their own has its own directive.
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

breathe_default_project = "proxprop"
breathe_default_members = ("members", "undoc-members")
