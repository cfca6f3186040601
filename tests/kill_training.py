"""Kill a training run with SIGKILL at random moments, resume it each time, and compare with an unbroken one.

By hand, in full: .venv/bin/python tests/kill_training.py --kills 20
`test_train.py` does the same with fewer.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

SAMPLE = Path(__file__).parents[1] / "data" / "toyvoc_sample"
RECIPE = "toy --batch-size 4 --pretrain-epochs 1 --workers 1 --device cpu --ema 0.9 --checkpoint-every 3 --log-every 2"


def start(folder: Path, iterations: int) -> subprocess.Popen:
    """Start or resume the run in a folder, in a process of its own."""
    command = [sys.executable, "-m", "ssd", "train", *RECIPE.split(), "--data", str(SAMPLE), "--out", str(folder)]
    return subprocess.Popen(
        [*command, "--iterations", str(iterations)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=SAMPLE.parents[1],
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> None:
    """Wait for a run and see that it ended well."""
    _, error = process.communicate(timeout=600)
    assert process.returncode == 0, error


def iteration_of(folder: Path) -> int:
    """Return the iteration of a run's newest checkpoint, or -1."""
    return max((int(path.stem.rsplit("-", 1)[-1]) for path in folder.glob("checkpoint-*.pt")), default=-1)


def kill_and_resume(scratch: Path, kills: int, iterations: int, seed: int = 0) -> list[int]:
    """Train twice, once unbroken and once killed so many times; the weights must be the same to the last bit.

    Args:
        scratch: an empty folder.
        kills: how often to kill.
        iterations: of the run; a run that gets ahead of its killer is let go on to the end.
        seed: of the moments.

    Returns:
        The newest checkpoint's iteration after each kill.

    """
    whole, broken = scratch / "whole", scratch / "broken"
    finish(start(whole, iterations))
    rng, reached = random.Random(seed), []
    while len(reached) < kills:
        before = iteration_of(broken)
        process = start(broken, iterations)
        # Anything from the very start to the middle of steps: half of the time wait until the run has got further.
        if rng.random() < 0.5:
            while process.poll() is None and iteration_of(broken) <= before:
                time.sleep(0.01)
        time.sleep(rng.uniform(0, 3))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # and its readers, as a machine that goes down would
        process.communicate()
        if process.returncode == 0:
            break
        reached.append(iteration_of(broken))
    finish(start(broken, iterations))
    first, second = (load_file(folder / "weights.safetensors") for folder in (whole, broken))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{name} differs"
    leftovers = [path.name for path in broken.iterdir() if path.name.startswith(".checkpoint")]
    assert leftovers == [], "files that kills cut short are cleared away"
    print(f"killed {len(reached)} times, at {reached}; same bits")
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        kill_and_resume(Path(temporary), options.kills, options.iterations, options.seed)
