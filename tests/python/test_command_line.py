"""`python -m proxprop` is the C++ program."""

import subprocess
import sys

import pytest

import proxprop
from proxprop._files import built_file

PROGRAM = built_file("bin/proxprop")
needs_program = pytest.mark.skipif(not PROGRAM.exists(), reason="the package was built without the program")


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "proxprop", *arguments], capture_output=True, text=True)


@needs_program
def test_prints_the_version_of_the_package():
    result = run("--version")
    assert result.returncode == 0 and result.stdout.startswith(f"proxprop {proxprop.__version__}")


@needs_program
def test_exit_codes_are_the_programs():
    result = run("trian")
    assert result.returncode == 2 and "did you mean" in result.stderr


@needs_program
def test_trains_on_the_embedded_digits(tmp_path):
    result = run("train", "--max-steps", "3", "--hidden", "16", "--out", str(tmp_path / "run"), "--quiet")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "metrics.jsonl").exists()
