"""The directive `program-help`: what a program prints for --help, at the time of the build.

```{program-help} train
```
"""

import subprocess

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ProgramHelp(SphinxDirective):
    """Shows `PROGRAM arguments --help`; PROGRAM is the configuration value `help_program`."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        command = [self.config.help_program, *(self.arguments[0].split() if self.arguments else []), "--help"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        self.env.note_dependency(self.config.help_program)
        return [nodes.literal_block(result.stdout, result.stdout.strip(), language="none")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive."""
    app.add_config_value("help_program", "proxprop", "env", str)
    app.add_directive("program-help", ProgramHelp)
    return {"parallel_read_safe": True}
