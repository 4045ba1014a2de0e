"""The example runs, on data of its format, and is three lines away from the plain script."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "examples" / "python" / "cifar10_three_lines.py"


def write_cifar(folder, count):
    """Records whose label shows in the brightness of one of ten strips."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, count, dtype=np.uint8)
    pixels = rng.integers(0, 100, (count, 3072), dtype=np.uint8)
    for label, row in zip(labels, pixels, strict=True):
        row[300 * int(label) : 300 * (int(label) + 1)] += 100
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    for name in ("data_batch_1.bin", "data_batch_5.bin"):
        np.hstack([labels[:, None], pixels]).tofile(folder / "cifar-10-batches-bin" / name)


def losses(folder, *options):
    command = [sys.executable, SCRIPT, "--data-dir", folder, "--samples", "1000", "--epochs", "3", *options]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [float(value) for value in re.findall(r"loss ([0-9.]+)", result.stdout)]


def test_both_ways_of_the_script_learn(tmp_path):
    write_cifar(tmp_path, 1000)
    plain, proximal = losses(tmp_path, "--plain"), losses(tmp_path)
    assert plain[-1] < plain[0] and proximal[-1] < proximal[0]


def test_three_lines_make_the_difference():
    marked = [line for line in SCRIPT.read_text().splitlines() if re.search(r"# proxprop \d", line)]
    used = [line for line in SCRIPT.read_text().splitlines() if re.search(r"\bproxprop\.|^import proxprop", line)]
    assert len(marked) == 3 and set(used) <= set(marked)
