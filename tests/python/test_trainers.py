"""The examples with Lightning and Hugging Face's Trainer run and learn what they say."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed (requirements-python.txt)")


def printed(script, pattern):
    result = subprocess.run([sys.executable, str(EXAMPLES / script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return float(re.search(pattern, result.stdout)[1])


@needs("lightning")
def test_the_lightning_module_learns_the_spirals():
    assert printed("lightning_module.py", r"loss after 60 epochs: ([0-9.]+)") < 0.05


@needs("transformers")
def test_hugging_faces_trainer_learns_the_words():
    assert printed("hugging_face_trainer.py", r"accuracy after 60 steps: ([0-9.]+)%") > 90
