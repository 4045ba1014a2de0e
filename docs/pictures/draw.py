"""Draws the curves of docs/: shrinkage.svg and path.svg, beside this file. Standard library only.

python docs/pictures/draw.py [folder]
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

Point = tuple[float, float]
BLUE, ORANGE, GREEN, GREY, INK = "#1d4ed8", "#c2410c", "#15803d", "#8a94a3", "#1f2933"


class Axes:
    """A rectangle of the picture, and what its corners mean."""

    def __init__(self, box: tuple[float, float, float, float], low: Point, high: Point) -> None:
        self.left, self.top, self.width, self.height = box
        self.low, self.high = low, high
        self.parts: list[str] = []

    def at(self, point: Point) -> Point:
        """The place of a point, in the units of the picture."""
        x, y = ((p - a) / (b - a) for p, a, b in zip(point, self.low, self.high, strict=True))
        return self.left + self.width * x, self.top + self.height * (1 - y)

    def line(self, points: Sequence[Point], color: str, width: float = 2, style: str = "") -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.at, points))
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}" {style}/>')

    def dot(self, point: Point, color: str) -> None:
        x, y = self.at(point)
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color}"/>')

    def text(self, point: Point, words: str, color: str = INK, anchor: str = "start", shift: Point = (0, 0)) -> None:
        x, y = self.at(point)
        place = f'x="{x + shift[0]:.1f}" y="{y + shift[1]:.1f}"'
        self.parts.append(f'<text {place} fill="{color}" text-anchor="{anchor}">{words}</text>')


def save(path: Path, title: str, size: tuple[int, int], parts: Sequence[str]) -> None:
    """Writes the parts of a picture as one file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" '
        f'font-size="14" role="img">\n<title>{title}</title>\n'
        f'<rect width="{size[0]}" height="{size[1]}" rx="8" fill="#ffffff"/>\n'
    )
    path.write_text(head + "\n".join(parts) + "\n</svg>\n", encoding="utf-8")


def shrinkage(path: Path) -> None:
    """What the gradient's part along an eigenvector of the Gram is multiplied by, against the eigenvalue."""
    axes = Axes((70, 50, 520, 300), (-3.0, -4.2), (4.0, 0.6))
    for e in range(-3, 5):
        axes.line([(e, -4.2), (e, 0.6)], "#e5e7eb", 1)
        axes.text((e, -4.2), f"10{superscript(e)}", anchor="middle", shift=(0, 20))
    for e in range(-4, 1):
        axes.line([(-3, e), (4, e)], "#e5e7eb", 1)
        axes.text((-3, e), f"10{superscript(e)}", anchor="end", shift=(-8, 5))
    grid = [-3 + 7 * i / 280 for i in range(281)]
    for tau_theta, color in ((1.0, BLUE), (0.05, GREEN)):
        beta = 1 / tau_theta
        axes.line([(e, math.log10(1 / (beta + 10**e))) for e in grid], color, 3)
        axes.line([(math.log10(beta), -4.2), (math.log10(beta), 0.6)], color, 1, 'stroke-dasharray="2 3"')
        axes.text((math.log10(beta), 0.6), "1 / tau_theta", color, anchor="middle", shift=(0, -8))
    axes.line([(e, 0.0) for e in grid], GREY, 2, 'stroke-dasharray="6 4"')
    axes.text((4, 0.0), "the gradient itself", GREY, shift=(10, 5))
    axes.text((4, -3.6), "tau_theta = 1", BLUE, shift=(10, 5))
    axes.text((-3, math.log10(0.05)), "tau_theta = 0.05", GREEN, shift=(10, 20))
    axes.text((0.5, -4.2), "eigenvalue of the Gram", anchor="middle", shift=(0, 44))
    save(path, "The factor that each eigen-direction of the gradient gets", (760, 410), axes.parts)


def superscript(exponent: int) -> str:
    """A whole number in raised digits."""
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def path_of_steps(path: Path) -> None:
    """A layer with two weights: level lines of its least squares, and where steps of either kind lead."""
    eigenvalues, start = (12.0, 0.6), (1.0, 2.2)  # the minimum is at the origin, eigenvectors along the axes
    axes = Axes((40, 40, 520, 380), (-1.6, -0.55), (1.6, 2.6))

    def energy(t: Point) -> float:
        return 0.5 * sum(e * v * v for e, v in zip(eigenvalues, t, strict=True))

    def step(tau_theta: float) -> Point:
        """theta - V with V = (1/tau_theta + lambda)^-1 lambda theta in each eigen-direction."""
        a, b = (v - e * v / (1 / tau_theta + e) for e, v in zip(eigenvalues, start, strict=True))
        return a, b

    for level in (0.15, 0.6, 1.5, 3.0, energy(start)):
        radii = [math.sqrt(2 * level / e) for e in eigenvalues]
        turn = [2 * math.pi * i / 160 for i in range(161)]
        ring = [(radii[0] * math.cos(t), radii[1] * math.sin(t)) for t in turn]
        for piece in inside(ring, axes):
            axes.line(piece, "#c9ced6", 1.2)
    taus = [10 ** (-3 + 6 * i / 120) for i in range(121)]
    axes.line([step(t) for t in taus], BLUE, 3)
    for tau in (0.1, 1.0, 10.0):
        axes.dot(step(tau), BLUE)
        axes.text(step(tau), f"tau_theta = {tau:g}", BLUE, anchor="start", shift=(12, 6))
    rate = 0.2
    gradient = tuple(v - rate * e * v for e, v in zip(eigenvalues, start, strict=True))
    axes.line([start, (gradient[0], gradient[1])], ORANGE, 2.5)
    axes.dot((gradient[0], gradient[1]), ORANGE)
    axes.text((gradient[0], gradient[1]), f"gradient step, learning rate {rate:g}", ORANGE, shift=(-10, 26))
    axes.dot(start, INK)
    axes.text(start, "θ", shift=(10, -4))
    axes.dot((0.0, 0.0), GREY)
    axes.text((0.0, 0.0), "least squares", GREY, anchor="middle", shift=(0, 22))
    save(path, "Steps from theta: the proximal one for every tau_theta, and a gradient step", (600, 440), axes.parts)


def inside(points: Sequence[Point], axes: Axes) -> list[list[Point]]:
    """The pieces of a curve that lie within the axes."""
    pieces: list[list[Point]] = [[]]
    for p in points:
        if all(a <= v <= b for v, a, b in zip(p, axes.low, axes.high, strict=True)):
            pieces[-1].append(p)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]


def main() -> None:
    """Draws both pictures into the folder given, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    shrinkage(folder / "shrinkage.svg")
    path_of_steps(folder / "path.svg")


if __name__ == "__main__":
    main()
