"""Files that CMake built are found in every kind of installation."""

import proxprop
from proxprop._files import built_file


def test_the_operators_are_where_they_are_said_to_be():
    assert built_file("lib/libproxprop_torch.so").exists()


def test_an_editable_installation_has_two_folders(tmp_path, monkeypatch):
    edited, installed = tmp_path / "edited", tmp_path / "installed"
    edited.mkdir()
    (installed / "lib").mkdir(parents=True)
    (installed / "lib" / "built.so").touch()
    for folders in ([edited, installed], [installed, edited]):
        monkeypatch.setattr(proxprop, "__path__", [str(folder) for folder in folders])
        assert built_file("lib/built.so") == installed / "lib" / "built.so"
        assert not built_file("bin/proxprop").exists()
