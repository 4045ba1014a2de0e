"""Where the files are that CMake built."""

from pathlib import Path

import proxprop


def built_file(path: str) -> Path:
    """A file of the package that CMake built, whether it is there or not.

    An editable installation has two folders: the modules are where they are edited, what was built is in site-packages.
    """
    places = [Path(folder) / path for folder in proxprop.__path__]
    return next((place for place in places if place.exists()), places[0])
