"""The curves in the pages are what draw.py draws."""

import subprocess
import sys
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"


def test_drawn_pictures_are_up_to_date(tmp_path: Path) -> None:
    """The script gives the committed files."""
    subprocess.run([sys.executable, PICTURES / "draw.py", tmp_path], check=True)
    drawn = sorted(tmp_path.iterdir())
    assert [p.name for p in drawn] == ["path.svg", "shrinkage.svg"]
    assert all(p.read_bytes() == (PICTURES / p.name).read_bytes() for p in drawn)
