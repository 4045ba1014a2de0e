"""`python -m proxprop`: the command line of the C++ program, which is part of the package."""

import os
import sys
from pathlib import Path

import proxprop


def main() -> None:
    """Becomes the program."""
    program = Path(proxprop.__file__).parent / "bin" / "proxprop"
    if not program.exists():
        sys.exit("proxprop: error: this package was built without the program (PROXPROP_BUILD_APP=OFF)")
    os.execv(program, [str(program), *sys.argv[1:]])


if __name__ == "__main__":
    main()
