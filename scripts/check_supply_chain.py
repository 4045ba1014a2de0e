#!/usr/bin/env python3
"""Wheels are pinned with hashes, dependencies have a licence, and no code that users run unpickles a file."""

import re
import sys

from dependencies import ROOT, debian_packages, licences, pinned_wheels

SHIPPED = ("include", "src", "lab", "train", "benchmarks", "app", "python", "examples")
UNPICKLES = re.compile(r"pickle\.loads?\(|torch::load\(|pickle_load\(|torch\.load\((?!.*weights_only=True)")


def dependency_complaints() -> list[str]:
    """Return one line for each dependency that lacks something."""
    found = []
    for path in sorted(ROOT.glob("requirements*.txt")):
        wheels = pinned_wheels(path)
        found += [f"{path.name}: {wheel.name} has no version (==)" for wheel in wheels if not wheel.version]
        found += [
            f"{path.name}: {wheel.name} has no --hash; run scripts/lock_requirements.sh"
            for wheel in wheels
            if not wheel.sha256
        ]
    known = licences()
    return found + [
        f"scripts/licences.tsv: {package.name} ({package.ecosystem}) has no line"
        for package in pinned_wheels(ROOT / "requirements.txt") + debian_packages()
        if (package.ecosystem, package.name) not in known
    ]


def unpickling_complaints() -> list[str]:
    """Return the lines that would run code out of a file."""
    sources = [
        path for room in SHIPPED for path in (ROOT / room).rglob("*") if path.suffix in {".cpp", ".h", ".py", ".md"}
    ]
    return [
        f"{path.relative_to(ROOT)}:{number}: unpickles a file: {line.strip()}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNPICKLES.search(line)
    ]


if __name__ == "__main__":
    problems = dependency_complaints() + unpickling_complaints()
    print("\n".join(problems))
    sys.exit(bool(problems))
