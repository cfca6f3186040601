"""Training: one loop that reads from top to bottom, and loses nothing when it is stopped."""

import json
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .augment import TrainTransform, distort
from .checkpoint import load_checkpoint, save_checkpoint, write_atomically
from .datasets.loader import training_batches
from .datasets.voc import VOCDetection
from .errors import CheckpointError, RecipeError, TrainingError
from .loss import MultiBoxLoss, MultiBoxTerms
from .network import NETWORKS, SSD, save_weights
from .recipes import Recipe
from .records import describe_run, write_record
from .sample import Batch

RESULTS = ("metrics.jsonl", "weights.safetensors", "record.json")
"""What a run leaves in its folder besides checkpoints."""


def train(recipe: Recipe, run_dir: str | Path, resume: bool = True, progress: bool = True) -> Path:
    """Train a network after a recipe, from where the folder's last checkpoint stands.

    The folder receives checkpoints (the last two), metrics.jsonl (one line each `recipe.log_every` iterations), and at
    the end weights.safetensors and record.json. Ctrl-C saves a checkpoint before it stops. On a CPU, a run that was
    killed and resumed ends with the same bits as an unbroken one.

    Args:
        recipe: all that decides the result.
        run_dir: the run's folder; made if missing.
        resume: go on from the last checkpoint; otherwise delete what an earlier run left here.
        progress: show a progress bar on the terminal.

    Returns:
        Path of the weights.

    Raises:
        DataError: the data are missing or broken.
        CheckpointError: the folder cannot be written, or holds a run of another recipe or a damaged checkpoint.
        TrainingError: the loss stopped being a number; the last good checkpoint stays.

    """
    run_dir = Path(run_dir)
    device = choose_device(recipe.device)
    samples = VOCDetection(recipe.data, recipe.year, recipe.split)
    if recipe.network not in NETWORKS:
        raise RecipeError("unknown", field="network", value=recipe.network, expected="one of " + ", ".join(NETWORKS))
    torch.manual_seed(recipe.seed)
    network = NETWORKS[recipe.network](len(samples.class_names), class_names=samples.class_names)
    network = network.to(device, memory_format=torch.channels_last).train()
    criterion = MultiBoxLoss(network.priors_cxcywh, network.spec.variances)
    optimiser = make_optimiser(network, recipe)

    start, seconds = _restore(recipe, run_dir, resume, network, optimiser)
    log = _Log(run_dir / "metrics.jsonl", start)
    transform = TrainTransform(
        network.spec.image_size, recipe.expand_probability, recipe.expand_max, recipe.crop, recipe.distort
    )
    batches = training_batches(
        samples, transform, recipe.batch_size, recipe.seed, start, recipe.iterations, recipe.workers
    )
    began = time.monotonic() - seconds
    with (
        _stop_signal() as stopped,
        tqdm(total=recipe.iterations, initial=start, unit="it", disable=not progress, desc=recipe.name) as bar,
    ):
        for iteration, batch in enumerate(batches, start=start + 1):
            rate = learning_rate(recipe, iteration - 1)
            terms = training_step(network, criterion, optimiser, batch.to(device), rate, recipe.gradient_norm)
            log.add(iteration, terms, rate, batch.image_ids)
            bar.update()
            last = iteration == recipe.iterations
            save = last or stopped.is_set() or iteration % recipe.checkpoint_every == 0
            if save or iteration % recipe.log_every == 0:
                line = log.flush(time.monotonic() - began)
                bar.set_postfix(loss=f"{line['localization'] + line['confidence']:.2f}")
            if save:
                require_finite(network, iteration)
                save_checkpoint(run_dir, iteration, _state(recipe, network, optimiser, time.monotonic() - began))
            if stopped.is_set() and not last:
                raise KeyboardInterrupt

    weights = run_dir / "weights.safetensors"
    save_weights(network, weights, {"network": recipe.network, "recipe": json.dumps(asdict(recipe))})
    record = {"recipe": asdict(recipe), **describe_run(), "train_seconds": round(time.monotonic() - began, 1)}
    write_record(run_dir / "record.json", {**record, "dataset": samples.name, "curve": log.lines()})
    return weights


def training_step(
    network: SSD,
    criterion: MultiBoxLoss,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    gradient_norm: float = 0.0,
) -> MultiBoxTerms:
    """Take one step of stochastic gradient descent; the host does not wait for the device.

    Args:
        network: in training mode.
        criterion: the loss.
        optimiser: as `make_optimiser` builds it.
        batch: on the network's device.
        rate: this step's learning rate.
        gradient_norm: gradients longer than this are shortened to it; 0 leaves them.

    Returns:
        The loss before the step, detached.

    """
    for group in optimiser.param_groups:
        group["lr"] = rate * group["rate_factor"]
    images = distort(batch.images, batch.covered, batch.colour).contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=images.device.type == "cuda"):
        offsets, logits = network(images)
    terms = criterion(offsets, logits, batch.boxes, batch.labels)
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    if gradient_norm:
        nn.utils.clip_grad_norm_(network.parameters(), gradient_norm)
    optimiser.step()
    return MultiBoxTerms(*(term.detach() for term in terms))


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Build stochastic gradient descent with the paper's rules: biases learn faster and do not decay.

    Each group carries `rate_factor`, its rate in multiples of the current learning rate. The scales and shifts of
    batch normalisation do not decay either; every other weight does.
    """
    weights, biases, normalisation = [], [], []
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.BatchNorm2d):
                normalisation.append(parameter)
            else:
                (biases if name == "bias" else weights).append(parameter)
    groups = [
        {"params": weights, "rate_factor": 1.0, "weight_decay": recipe.weight_decay},
        {"params": biases, "rate_factor": recipe.bias_rate, "weight_decay": 0.0},
        {"params": normalisation, "rate_factor": 1.0, "weight_decay": 0.0},
    ]
    return torch.optim.SGD([g for g in groups if g["params"]], lr=recipe.learning_rate, momentum=recipe.momentum)


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Return the learning rate of the step that follows `iteration` finished ones."""
    rate = recipe.learning_rate
    if iteration < recipe.warmup:
        rate *= (iteration + 1) / recipe.warmup
    if recipe.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * iteration / recipe.iterations))
    return rate * 0.1 ** sum(iteration >= milestone for milestone in recipe.milestones)


def choose_device(name: str) -> torch.device:
    """Return a device by name; "auto" is the GPU where there is one.

    Raises:
        RecipeError: no such device, or not on this machine.

    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise RecipeError("not on this machine", field="device", value=name, expected="auto, cpu or cuda") from None
    return device


def require_finite(network: nn.Module, iteration: int) -> None:
    """Raise TrainingError if a weight is no longer a finite number: a step can spoil weights and report a good loss."""
    for name, tensor in network.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise TrainingError(
                f"weights are not finite numbers after iteration {iteration}",
                field=name,
                expected="a lower --learning-rate, or better boxes in the pictures",
            )


class _Log:
    """Writes metrics.jsonl; losses wait on the device until they are written, so that no step waits for them."""

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        self.pending: list[tuple[int, Tensor, float, list[str]]] = []
        # Lines after the checkpoint that a run resumes from will be written again.
        kept = [line for line in self.lines() if line["iteration"] <= start]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self.previous = (start, kept[-1]["seconds"] if kept else 0.0)

    def lines(self) -> list[dict]:
        """Return what has been written so far; a line cut short by a crash is left out."""
        if not self.path.exists():
            return []
        lines = []
        for text in self.path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                break
        return lines

    def add(self, iteration: int, terms: MultiBoxTerms, rate: float, image_ids: list[str]) -> None:
        """Remember one step."""
        self.pending.append((iteration, torch.stack([term.double() for term in terms]), rate, image_ids))

    def flush(self, seconds: float) -> dict:
        """Write the mean of the steps since the last line, and refuse to go on if one is not finite."""
        values = torch.stack([terms for _, terms, _, _ in self.pending]).cpu()
        for (iteration, _, _, image_ids), finite in zip(self.pending, values.isfinite().all(dim=1), strict=True):
            if not finite:
                raise TrainingError(
                    f"loss is not a finite number at iteration {iteration}",
                    field="pictures of that batch",
                    value=" ".join(image_ids),
                    expected="a lower --learning-rate, or better boxes in these pictures",
                )
        iteration, _, rate, image_ids = self.pending[-1]
        localization, confidence, matched = values.mean(dim=0).tolist()
        steps, took = iteration - self.previous[0], seconds - self.previous[1]
        line = {
            "iteration": iteration,
            "localization": round(localization, 5),
            "confidence": round(confidence, 5),
            "matched": round(matched, 1),
            "learning_rate": rate,
            "pictures_per_second": round(steps * len(image_ids) / max(took, 1e-9), 1),
            "seconds": round(seconds, 2),
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise CheckpointError(
                f"cannot be written ({error.strerror})", file=self.path, expected="a writable folder with room"
            ) from None
        self.pending, self.previous = [], (iteration, seconds)
        return line


def _state(recipe: Recipe, network: SSD, optimiser: torch.optim.Optimizer, seconds: float) -> dict:
    """Collect what a run needs to go on; data order and augmentation follow from the iteration alone."""
    return {
        "recipe": {**asdict(recipe), "milestones": list(recipe.milestones)},
        "class_names": list(network.class_names),
        "model": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rng": torch.get_rng_state(),
        "seconds": seconds,
    }


def _restore(
    recipe: Recipe, run_dir: Path, resume: bool, network: SSD, optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Load the last checkpoint, if any; return the iterations done and the seconds they took."""
    if not resume:
        for old in (*run_dir.glob("checkpoint-*.pt"), *(run_dir / name for name in RESULTS)):
            old.unlink(missing_ok=True)
    state = load_checkpoint(run_dir)
    if state is None:
        return 0, 0.0
    saved = Recipe(**{**state["recipe"], "milestones": tuple(state["recipe"]["milestones"])})
    for field in recipe.differences(saved):
        raise CheckpointError(
            "differs from the run in this folder",
            file=run_dir,
            field=field,
            value=getattr(recipe, field),
            expected=f"{getattr(saved, field)!r}, another --out, or --no-resume to start over",
        )
    if tuple(state["class_names"]) != network.class_names:
        raise CheckpointError(
            "differ from the run in this folder",
            file=run_dir,
            field="class names",
            value=", ".join(network.class_names),
            expected=", ".join(state["class_names"]),
        )
    network.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["rng"])
    return state["iteration"], state["seconds"]


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C (or SIGTERM) into a flag, so that a step is never cut in half; the second stops at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        stopped.set()
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
