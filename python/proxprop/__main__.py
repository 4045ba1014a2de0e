"""`python -m proxprop`: the command line of the C++ program, which is part of the package.

Under torchrun the processes train one model together: `torchrun --nproc-per-node=4 -m proxprop train ...`.
"""

import ctypes
import datetime
import os
import sys

from proxprop._files import built_file


def _run_rank(arguments: list[str]) -> int:
    """The program as one rank of the process group that torchrun describes; its exit code."""
    import torch
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    timeout = datetime.timedelta(seconds=float(os.environ.get("PROXPROP_RANK_TIMEOUT", "300")))
    dist.init_process_group(backend, timeout=timeout)
    program = ctypes.CDLL(str(built_file("lib/libproxprop_rank.so")))
    words = [word.encode() for word in arguments]
    argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    group = dist.group.WORLD
    assert group is not None
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    code: int = program.proxprop_run_rank(len(words), argv, group.group_name.encode(), local_rank)
    if code == 0:
        dist.destroy_process_group()
    return code


def main() -> None:
    """Becomes the program."""
    program = built_file("bin/proxprop")
    if not program.exists():
        sys.exit("proxprop: error: this package was built without the program (PROXPROP_BUILD_APP=OFF)")
    arguments = [str(program), *sys.argv[1:]]
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        os._exit(_run_rank(arguments))  # without waiting for the threads of a process group that lost a rank
    os.execv(program, arguments)


if __name__ == "__main__":
    main()
