"""The directives `program-help` and `program-output`: what a program prints, at the time of the build.

```{program-help} train
```

```{program-output} scaling --network resnet50
```
"""

import subprocess

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ProgramOutput(SphinxDirective):
    """Shows what `PROGRAM arguments` prints; PROGRAM is the configuration value `help_program`."""

    optional_arguments = 1
    final_argument_whitespace = True
    more_arguments: tuple[str, ...] = ()

    def run(self) -> list[nodes.Node]:
        arguments = self.arguments[0].split() if self.arguments else []
        command = [self.config.help_program, *arguments, *self.more_arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        self.env.note_dependency(self.config.help_program)
        return [nodes.literal_block(result.stdout, result.stdout.strip(), language="none")]


class ProgramHelp(ProgramOutput):
    """Shows `PROGRAM arguments --help`."""

    more_arguments = ("--help",)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives."""
    app.add_config_value("help_program", "proxprop", "env", str)
    app.add_directive("program-output", ProgramOutput)
    app.add_directive("program-help", ProgramHelp)
    return {"parallel_read_safe": True}
