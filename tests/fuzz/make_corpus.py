"""Writes the beginning of the fuzzers' corpora: valid files of each kind (valid*), and one for each way to be wrong.

Inputs that the fuzzers found lie beside them, under the names that libFuzzer gave them."""

import gzip
import hashlib
import io
import json
import math
import struct
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent / "corpus"


def put(reader, name, content):
    folder = ROOT / reader
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def idx(dims, data=None):
    n = math.prod(dims)
    return (
        bytes([0, 0, 8, len(dims)])
        + b"".join(struct.pack(">I", d) for d in dims)
        + (bytes(i % 10 for i in range(n)) if data is None else data)
    )


def gz(content):
    return gzip.compress(content, mtime=0)


put("idx", "valid-images", idx([2, 3, 3]))
put("idx", "valid-labels", idx([7]))
put("idx", "valid-labels.gz", gz(idx([7])))
put("idx", "sizes-overflow", idx([0xFFFFFFFF] * 8, b""))
put("idx", "empty-dimension-beside-huge-ones", idx([0, 0xFFFFFFFF, 0xFFFFFFFF], b""))
put("idx", "trailing-bytes", idx([2]) + b"xx")
put("idx", "label-out-of-range", idx([2], b"\x01\x0b"))
put("idx", "float-type", bytes([0, 0, 0x0D, 1]) + struct.pack(">I", 1) + b"\0\0\0\0")
put("idx", "gzip-bomb", gz(bytes(4 << 20)))
put("idx", "gzip-of-gzip", gz(gz(idx([2]))))
put("cifar", "valid-cifar10", bytes([3]) + bytes(i % 251 for i in range(3072)))
put("cifar", "valid-cifar100", bytes([3, 42]) + bytes(3072))
put("cifar", "label-out-of-range", bytes([10]) + bytes(3072))
put("cifar", "one-byte", b"\1")
put("cifar", "empty", b"")
put("gzip", "valid", gz(b"proximal backpropagation" * 20))
put("gzip", "valid-two-members", gz(b"a") + gz(b"b"))
put("gzip", "bomb", gz(bytes(4 << 20)))
put("gzip", "trailing-bytes", gz(b"a") + b"tail")
put("gzip", "wrong-crc", gz(b"abc")[:-8] + b"\0" * 8)
put("gzip", "header-only", b"\x1f\x8b")
put("gzip", "header-fields", b"\x1f\x8b\x08\x1c" + b"\0" * 6 + b"\x04\x00abcdname\0comment\0" + gz(b"abc")[10:])


def tar(entries):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, kind, content in entries:
            i = tarfile.TarInfo(name)
            i.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                i.linkname = content
                t.addfile(i)
            elif kind == tarfile.REGTYPE:
                i.size = len(content)
                t.addfile(i, io.BytesIO(content))
            else:
                t.addfile(i)
    return gz(f.getvalue())


R, D, S, L, C = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
put("archive", "valid", tar([("data", D, b""), ("data/a.bin", R, b"abc"), ("data/sub/b.bin", R, b"d" * 700)]))
put("archive", "path-traversal", tar([("data", D, b""), ("data/../../escaped", R, b"x")]))
put("archive", "absolute-path", tar([("/tmp/escaped", R, b"x")]))
put(
    "archive",
    "symbolic-link-then-file",
    tar([("data", D, b""), ("data/link", S, "/tmp"), ("data/link/escaped", R, b"x")]),
)
put("archive", "hard-link", tar([("data/passwd", L, "/etc/passwd")]))
put("archive", "device", tar([("data/null", C, b"")]))
put("archive", "bomb", tar([("data/zeros", R, bytes(3 << 20))]))
put("archive", "other-folder", tar([("elsewhere/a", R, b"x")]))
put("archive", "file-in-place-of-folder", tar([("data", R, b"x"), ("data/a", R, b"y")]))
put("archive", "same-name-twice", tar([("data/a", R, b"x"), ("data/a", R, b"y")]))
put("archive", "many-folders", tar([(f"data/{i}", D, b"") for i in range(1050)]))
put("archive", "long-name", tar([("data/" + "n" * 5000, R, b"x")]))


def st(h, data=b""):
    t = h if isinstance(h, (bytes, str)) else json.dumps(h, separators=(",", ":"))
    t = t.encode() if isinstance(t, str) else t
    return struct.pack("<Q", len(t)) + t + data


def T(dtype, shape, offsets):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


put(
    "safetensors",
    "valid",
    st(
        {"__metadata__": {"format": "pt"}, "w": T("F32", [2, 2], [0, 16]), "b": T("I64", [1], [16, 24])},
        bytes(range(24)),
    ),
)
put(
    "safetensors",
    "valid-dtypes",
    st(
        {
            "a": T("F64", [], [0, 8]),
            "b": T("BF16", [2], [8, 12]),
            "c": T("BOOL", [1], [12, 13]),
            "d": T("U8", [0], [13, 13]),
            "e": T("F8_E4M3", [1], [13, 14]),
        },
        bytes(14),
    ),
)
put("safetensors", "valid-empty", st({}))
put("safetensors", "shape-overflows", st({"w": T("F32", [2**32, 2**32], [0, 16])}, bytes(16)))
put("safetensors", "empty-shape-overflows", st({"w": T("F32", [0, 2**62, 2**62], [0, 0])}))
put("safetensors", "offsets-reversed", st({"w": T("F32", [1], [4, 0])}, bytes(4)))
put("safetensors", "offsets-beyond-the-end", st({"w": T("F32", [1], [2**63, 2**63 + 4])}, bytes(4)))
put("safetensors", "overlap", st({"a": T("U8", [2], [0, 2]), "b": T("U8", [2], [1, 3])}, bytes(3)))
put("safetensors", "hole", st({"a": T("U8", [1], [0, 1]), "b": T("U8", [1], [2, 3])}, bytes(3)))
put("safetensors", "header-length-huge", struct.pack("<Q", 2**64 - 1) + b"{}")
put("safetensors", "header-nested", st('{"a":' + "[" * 5000 + "]" * 5000 + "}"))
put(
    "safetensors",
    "name-twice",
    st(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"x",
    ),
)
put("safetensors", "negative-size", st({"w": T("U8", [-1], [0, 1])}, b"x"))
put("safetensors", "not-utf8", st(b'{"\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"))
put("safetensors", "metadata-number", st({"__metadata__": {"a": 1}}))
state = {
    "step": 12,
    "sampler_epoch": 1,
    "sampler_batch": 2,
    "evaluated_epoch": 1,
    "evaluated_step": 10,
    "seconds": 1.5,
    "train_records": 90,
    "best_epoch": 1,
    "best_step": 10,
    "best_validation_accuracy": 0.75,
    "best_test_accuracy": None,
}


def ck(state, config="{}", version="1", fmt="proxprop checkpoint"):
    m = {
        "config": config,
        "format": fmt,
        "sha256": "0" * 64,
        "state": state if isinstance(state, str) else json.dumps(state),
        "version": version,
    }
    b = st(
        {
            "__metadata__": m,
            "model.0.weight": T("F32", [2], [0, 8]),
            "optimizer.0.weight.step": T("I64", [], [8, 16]),
            "generator.cpu": T("U8", [4], [16, 20]),
        },
        bytes(20),
    )
    return b.replace(b"0" * 64, hashlib.sha256(b).hexdigest().encode(), 1)


put("checkpoint", "valid", ck(state))
put(
    "checkpoint",
    "valid-with-config",
    ck(state, json.dumps({"train": {"epochs": 3, "seed": 2**64 - 1}, "model": {"hidden": [8]}})),
)
for n, v in {
    "step-is-1e300": 1e300,
    "step-is-negative": -1,
    "step-is-2-to-the-64": 2**64 - 1,
    "step-is-text": "12",
    "step-is-a-list": [1],
}.items():
    put("checkpoint", n, ck({**state, "step": v}))
put("checkpoint", "other-version", ck(state, version="2"))
put("checkpoint", "other-format", ck(state, fmt="x"))
put("checkpoint", "state-is-a-number", ck("1"))
put("checkpoint", "state-is-nested", ck("[" * 3000 + "]" * 3000))
put("checkpoint", "wrong-digest", ck(state)[:-1] + b"\x01")
put(
    "toml",
    "valid",
    "".join(
        [
            "[data]\n",
            'name = "mnist-5k"\n',
            "train_size = 100\n",
            "[model]\n",
            "hidden = [8, 4]\n",
            'layers = ["flatten", "linear 8"]\n',
            "[method]\n",
            'name = "cg"\n',
            "tau_theta = 1e-3\n",
            "[optimizer]\n",
            'name = "adam"\n',
            "lr = 0.01\n",
            "[schedule]\n",
            'name = "cosine"\n',
            "[train]\n",
            "epochs = 3\n",
            "seed = 1\n",
            "deterministic = true\n",
            "[compare]\n",
            'methods = ["exact", "cg3"]\n',
            "[compare.cg3.optimizer]\n",
            "lr = 1\n",
        ]
    ),
)
put("toml", "deep-list", "[model]\nhidden = " + "[" * 2000 + "]" * 2000)
put("toml", "deep-table", "[" + "a." * 2000 + "a]\n")
put("toml", "numbers", "[train]\nepochs = 99999999999999999999\n[optimizer]\nlr = nan\nmomentum = -inf\n")
put("toml", "unknown-key", "[train]\nepoch = 1\n")
put("toml", "dates", "[train]\nseed = 1979-05-27T07:32:00Z\n")
put("toml", "not-utf8", b'[data]\nname = "\xff\xfe"\n')
put("toml", "twice", "[train]\nepochs = 1\nepochs = 2\n")
put("toml", "cg-twice", '[method]\nname = "cg5"\ncg_iterations = 3\n')
put("toml", "empty", "")
ev = "".join(
    [
        '{"event":"start","label":"exact","config":{"train":{"epochs":1}},"parameters":5,"plan":[{"layer":"0","rows":3}]}\n',
        '{"event":"epoch","epoch":0,"step":0,"train_loss":2.3,"validation_loss":null}\n',
        '{"event":"step","step":1,"epoch":0.5,"loss":2.25,"lr":1.0}\n',
        '{"event":"energy","step":1,"block":"z","layer":1,"before":1.0,"after":0.5}\n',
        '{"event":"end","status":"finished","epochs":1}\n',
    ]
)
put("metrics", "valid", ev)
put("metrics", "step-is-1e300", '{"event":"step","step":1e300}\n')
put("metrics", "plan-is-a-number", '{"event":"start","plan":1}\n')
put("metrics", "unknown-event", '{"event":"later"}\n')
put("metrics", "nested", "[" * 5000 + "]" * 5000 + "\n")
put("metrics", "torn", ev[:-20])
put("metrics", "not-utf8", b'{"event":"end","status":"\xff"}\n')
put("metrics", "number-1e999", '{"event":"step","loss":1e999}\n')
put("metrics", "empty-lines", "\n\n")
put("metrics", "parameters-2-to-the-64", '{"event":"start","parameters":18446744073709551615}\n')
ri = {
    "schema_version": 1,
    "label": "exact",
    "seed": 3,
    "config": {"train": {"seed": 3}},
    "program_version": "0.1.0",
    "libtorch_version": "2.11.0",
    "git_describe": "x",
    "device_name": "cpu",
    "cpu_name": "x",
    "start_time": "2026-01-01T00:00:00Z",
    "command_line": ["proxprop"],
    "resumptions": [{"start_time": "x", "command_line": []}],
}
put("run_info", "valid", json.dumps(ri))
for n, v in {"newer": 99, "version-is-1e300": 1e300, "version-is-2-to-the-64": 2**64 - 1}.items():
    put("run_info", n, json.dumps({**ri, "schema_version": v}))
put("run_info", "seed-is-negative", json.dumps({**ri, "config": {"train": {"seed": -1}}}))
put("run_info", "config-is-a-list", json.dumps({**ri, "config": []}))
put("run_info", "a-number", "1")
put("run_info", "resumptions-is-an-object", json.dumps({**ri, "resumptions": {"a": 1}}))
