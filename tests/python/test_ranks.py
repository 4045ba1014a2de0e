"""torchrun: processes with shares of every batch train as one process with whole batches."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SETTING = ["--hidden", "20,12", "--train-size", "304", "--batch-size", "50", "--epochs", "2"]
SETTING += ["--dtype", "float64", "--threads", "1"]
CONV = ["--layers", "conv 4 3 padding=1,relu,max_pool 2,flatten,linear 9,relu"]
CONV += ["--train-size", "90", "--batch-size", "30"]


def start(ranks: int, *words: str, timeout: int = 300) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PROXPROP_RANK_TIMEOUT": str(timeout)}
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m", "proxprop"]
    command = [sys.executable, *(launcher if ranks > 1 else ["-m", "proxprop"]), *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train(ranks: int, *words: str) -> dict:
    process = start(ranks, "train", "-q", "--json", *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def weights(folder: Path) -> torch.Tensor:
    tensors = load_file(folder / "checkpoints" / "model.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.parametrize("method", ["exact", "cg3", "backprop"])
def test_ranks_train_as_one(tmp_path: Path, method: str) -> None:
    train(1, *SETTING, "--method", method, "--out", str(tmp_path / "one"))
    result = train(3, *SETTING, "--method", method, "--out", str(tmp_path / "three"))
    one, three = weights(tmp_path / "one"), weights(tmp_path / "three")
    assert (one - three).abs().max() <= 1e-10 * one.abs().max()
    assert result["ranks"] == 3


def test_ranks_train_convolutions_as_one(tmp_path: Path) -> None:
    words = [*CONV, "--epochs", "2", "--dtype", "float64", "--threads", "1"]
    train(1, *words, "--out", str(tmp_path / "one"))
    train(2, *words, "--out", str(tmp_path / "two"))
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert (one - two).abs().max() <= 1e-10 * one.abs().max()


def test_another_number_of_ranks_goes_on(tmp_path: Path) -> None:
    train(1, *SETTING, "--out", str(tmp_path / "one"))
    folder = str(tmp_path / "changing")
    train(2, *SETTING, "--max-steps", "5", "--out", folder)
    train(3, "--resume", "--max-steps", "0", "--out", folder)
    one, changing = weights(tmp_path / "one"), weights(tmp_path / "changing")
    assert (one - changing).abs().max() <= 1e-10 * one.abs().max()


def test_a_rank_that_dies_ends_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(2, "train", "-q", *SETTING, "--epochs", "100000", "--out", str(folder), timeout=20)
    deadline = time.monotonic() + 120
    while not (folder / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    os.kill(int(children[-1]), signal.SIGKILL)
    killed = time.monotonic()
    _, err = process.communicate(timeout=90)
    assert process.returncode != 0
    assert time.monotonic() - killed < 60
    assert "lost the others" in err or "SIGKILL" in err or "exitcode" in err


@pytest.mark.parametrize(
    "words",
    [
        ("convert", "plain"),
        ("convert", "plain", "spared"),
        ("convert", "noisy"),
        ("convert", "attentive"),
        ("preconditioner", "plain"),
        ("preconditioner", "plain", "spared"),
        ("preconditioner", "noisy"),
        ("diagonal", "diagonal"),
        ("diagonal", "diagonal", "spared"),
    ],
)
def test_ranks_under_ddp_train_as_one(words: tuple[str, ...]) -> None:
    run_ranks("rank_of_test.py", *words)


def test_sharded_layers_are_refused() -> None:
    run_ranks("rank_of_sharding.py")


def run_ranks(script: str, *words: str) -> None:
    path = str(Path(__file__).parent / script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", path, *words]
    run = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr


def test_the_papers_network_sends_little_more_than_its_gradients(tmp_path: Path) -> None:
    ranks = 4  # the ratio is that of any number
    words = ["--data", "synthetic", "--train-size", "500", "--validation-size", "0", "--batch-size", "500"]
    result = train(ranks, *words, "--epochs", "1", "--out", str(tmp_path / "run"))
    parameters = sum(a * b + b for a, b in itertools.pairwise([3072, 4000, 1000, 4000, 10]))
    assert result["gradient_bytes_per_step"] == pytest.approx(2 * (ranks - 1) / ranks * 4 * parameters)
    assert result["gradient_bytes_per_step"] < result["bytes_per_step"] < 1.3 * result["gradient_bytes_per_step"]


def test_only_train_runs_on_ranks(tmp_path: Path) -> None:
    process = start(2, "verify")
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "only `train` runs on several ranks" in err
