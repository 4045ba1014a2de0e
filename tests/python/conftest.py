import os

import pytest
import torch
from hypothesis import HealthCheck, settings

# Programs that tests start: threads that wait sleep (docs/how-it-works.md, on a busy machine).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Example databases are not kept: each run draws the same examples.
settings.register_profile(
    "proxprop", derandomize=True, deadline=None, max_examples=40, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("proxprop")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    torch.set_num_threads(min(2, os.cpu_count() or 1))
