#!/usr/bin/env python3
"""Fails when an #include points the wrong way between the rooms of the source tree.

The rooms and what each may use are the table below; a room may always use itself and the public headers of the core.
Run without arguments from anywhere: it reads the repository that it lies in.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# room -> rooms whose private headers it may include
MAY_USE = {
    "src/prox": {"src/prox/kernels"},
    "src/prox/kernels": set(),
    "src/autograd": {"src/prox"},
    "src/nn": {"src/prox", "src/autograd"},
    "src/distributed": {"src/prox"},
    "lab": set(),                 # the public headers of the core
    "lab/verify": {"lab"},
    "lab/spectrum": set(),
    "lab/batch": {"lab", "lab/spectrum"},
    "src/torch_library": {"src/autograd"},
    "train/system": set(),        # the process and where it is installed
    "train/data": {"train/system"},
    "train/records": {"train", "train/system"},  # the events and the configuration
    "train": {"train/system", "train/data", "train/records", "lab", "lab/batch", "lab/spectrum"},
    "benchmarks": set(),
    "reproduce": {"train", "train/data", "train/records", "benchmarks"},
    "app": {"train", "train/data", "train/records", "reproduce", "benchmarks", "lab", "lab/verify", "lab/spectrum"},
}
# prox/ knows no module; only ATen and the standard library
FORBIDDEN = {
    "src/prox": re.compile(r'^torch/(torch\.h|nn|optim|csrc/api)'),
    "include/proxprop/prox": re.compile(r"^torch/"),
    "train/records": re.compile(r"^(torch|ATen|c10)/"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def room_of(path: str) -> str:
    matches = [room for room in list(MAY_USE) + list(FORBIDDEN) if path.startswith(room + "/")]
    return max(matches, key=len, default="")


def room_of_include(name: str) -> str:
    candidates = [f"src/{name}", name]
    for candidate in candidates:
        if (ROOT / candidate).exists():
            return room_of(candidate)
    return ""


def errors_in(path: pathlib.Path) -> list[str]:
    relative = path.relative_to(ROOT).as_posix()
    room = room_of(relative)
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(2)
        place = f"{relative}:{number}"
        if room in FORBIDDEN and FORBIDDEN[room].match(name):
            found.append(f"{place}: {room} must not include {name}")
        if name.startswith("proxprop/nn/") and relative.startswith(("include/proxprop/prox/", "src/prox/")):
            found.append(f"{place}: prox must not include {name}")
        target = room_of_include(name)
        if target and room in MAY_USE and target != room and target not in MAY_USE[room]:
            found.append(f"{place}: {room} must not include {name} ({target})")
    return found


def main() -> int:
    files = [p for top in ("include", "src", "lab", "train", "reproduce", "app") for p in (ROOT / top).rglob("*") if p.suffix in {".h", ".cpp"}]
    errors = [error for path in sorted(files) for error in errors_in(path)]
    print("\n".join(errors) if errors else f"{len(files)} files: every include points the right way")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
