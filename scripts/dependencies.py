"""What the project depends on, as requirements*.txt, scripts/apt-packages.txt and scripts/licences.tsv say it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Dependency:
    """A package of PyPI or Debian."""

    ecosystem: str  # "pypi" or "deb"
    name: str
    version: str = ""  # of a Debian package: whatever the stable release has
    sha256: list[str] = field(default_factory=list)


def pinned_wheels(path: Path) -> list[Dependency]:
    """Return the packages of a requirements file with the hashes that pip will accept."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    wheels = []
    for requirement in text.replace("\\\n", " ").splitlines():
        if not requirement.strip():
            continue
        pin = requirement.split()[0]
        name, _, version = pin.partition("==")
        wheels.append(Dependency("pypi", name, version, re.findall(r"--hash=sha256:([0-9a-f]{64})", requirement)))
    return wheels


def debian_packages() -> list[Dependency]:
    """Return the packages that scripts/setup.sh installs."""
    return [Dependency("deb", name) for name in (ROOT / "scripts/apt-packages.txt").read_text().split()]


def licences() -> dict[tuple[str, str], str]:
    """Return SPDX expressions by ecosystem and name."""
    rows = (line.split("\t") for line in (ROOT / "scripts/licences.tsv").read_text().splitlines() if line[0] != "#")
    return {(ecosystem, name): expression for ecosystem, name, expression, _ in rows}
