"""Training: one loop that reads from top to bottom, and loses nothing when it is stopped."""

import json
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from .augment import TrainTransform, distort, normalize
from .checkpoint import cannot_write, load_checkpoint, require_writable, save_checkpoint, write_atomically
from .datasets import FromTorchvision, LabelledPictures, open_data
from .datasets.loader import training_batches
from .errors import CheckpointError, DataError, RecipeError, TrainingError
from .loss import MultiBoxLoss, MultiBoxTerms
from .network import NETWORKS, SSD, default_priors, save_weights
from .network.weights import is_detector, start_from
from .parallel import ALONE, Group, process_group
from .pretrain import pretrain_backbone
from .priors import with_maps, with_ratios, with_sizes
from .recipes import Recipe
from .records import describe_run, write_record
from .sample import Batch

RESULTS = ("metrics.jsonl", "weights.safetensors", "record.json")
"""What a run leaves in its folder besides checkpoints."""

ANEW = "in another --out or with --no-resume"
"""How a run with another recipe starts; said where an error advises one."""


def train(
    recipe: Recipe,
    run_dir: str | Path,
    resume: bool = True,
    progress: bool = True,
    samples: LabelledPictures | FromTorchvision | None = None,
) -> Path:
    """Train a network after a recipe, from where the folder's last checkpoint stands.

    The folder receives checkpoints (the last two), metrics.jsonl, and at the end weights.safetensors and record.json.
    A line of metrics.jsonl is the mean of the iterations since the line before; there is one each `recipe.log_every`
    iterations and one at each checkpoint. Ctrl-C saves a checkpoint before it stops. On a CPU, a run that was killed
    and resumed ends with the same bits as an unbroken one. A run that is finished is left as it is.

    With `recipe.pretrain_epochs` the backbone first learns the classes (`ssd.pretrain`). A run that is stopped during
    these passes begins them again.

    Started by `torchrun`, each process trains on its share of every batch (`ssd.parallel`).

    Args:
        recipe: all that decides the result.
        run_dir: the run's folder; made if missing.
        resume: go on from the last checkpoint; otherwise delete what an earlier run left here.
        progress: show a progress bar on the terminal.
        samples: what to train on in place of the folder that the recipe names; whoever resumes hands over the same.

    Returns:
        Path of the weights.

    Raises:
        DataError: the data are missing or broken.
        CheckpointError: the folder cannot be written, or holds a run of another recipe or a damaged checkpoint.
        TrainingError: the loss stopped being a number; the last good checkpoint stays.

    """
    with process_group(recipe.device) as group:
        return _train(recipe, Path(run_dir), resume, progress and group.first, samples, group)


def _train(
    recipe: Recipe,
    run_dir: Path,
    resume: bool,
    progress: bool,
    samples: LabelledPictures | FromTorchvision | None,
    group: Group,
) -> Path:
    """Train as one process of a group; its first one writes all files."""
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device)
    if recipe.compile:
        require_compiler(device)
    if recipe.batch_size % (group.size * recipe.parts):
        expected = f"a multiple of {group.size} processes times {recipe.parts} parts"
        raise RecipeError("cannot be shared out", field="batch_size", value=recipe.batch_size, expected=expected)
    if samples is None:
        samples = open_data(recipe.data, recipe.year, recipe.split, recipe.class_names or None, recipe.keep_difficult)
    if isinstance(samples, LabelledPictures) and not any(len(one.labels) for one in samples.ground_truth().values()):
        raise DataError("hold no object", field="pictures", value=samples.name, expected="at least one, to learn from")
    torch.manual_seed(recipe.seed)
    network = build_network(recipe, samples.class_names).to(device, memory_format=torch.channels_last).train()
    criterion = MultiBoxLoss(network.priors_cxcywh, network.spec.variances)
    optimiser = make_optimiser(network, recipe)
    average = None
    if recipe.ema:
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)

    if group.first and not resume:
        _clear(run_dir)
    group.wait()
    start, seconds, pretraining = _restore(recipe, run_dir, network, optimiser, average)
    weights, record_path = run_dir / "weights.safetensors", run_dir / "record.json"
    if start == recipe.iterations and weights.is_file() and record_path.is_file():
        return weights
    if group.first:
        require_writable(run_dir)
    began = time.monotonic() - seconds

    def save(iteration: int) -> None:
        require_finite(network, iteration)
        if group.first:
            took = time.monotonic() - began
            save_checkpoint(run_dir, iteration, _state(recipe, network, optimiser, average, took, pretraining))

    if pretraining is None:
        pretraining = []
        if recipe.pretrain_epochs:
            pretraining = pretrain_backbone(network, samples, recipe, precision, progress)
            save(0)
    log = _Log(run_dir / "metrics.jsonl", start, group)
    transform = TrainTransform(
        network.spec.image_size, recipe.expand_probability, recipe.expand_max, recipe.crop, recipe.distort
    )
    batches = training_batches(
        samples, transform, recipe.batch_size, recipe.seed, start, recipe.iterations, recipe.workers, group
    )
    step, module = training_step, network
    if group.size > 1 or recipe.parts > 1:
        step = partial(shared_step, group=group, parts=recipe.parts)
    if group.size > 1:
        if device.type == "cuda":
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        # With fewer maps, a backbone may have stages beyond the last one: their weights get no gradient.
        module = DistributedDataParallel(module, find_unused_parameters=recipe.maps > 0)
    if recipe.compile:
        module = torch.compile(module)
    with (
        _stop_signal() as stopped,
        tqdm(
            total=recipe.iterations, initial=start, unit="it", disable=not progress, desc=recipe.name, leave=False
        ) as bar,
    ):
        for iteration, batch in enumerate(batches, start=start + 1):
            rate = learning_rate(recipe, iteration - 1)
            terms = step(
                module, criterion, optimiser, batch.to(device), rate, recipe.gradient_norm, precision, recipe.distort
            )
            if average is not None and iteration > recipe.warmup:
                average.update_parameters(network)
            log.add(iteration, terms, rate, batch.image_ids)
            bar.update()
            last = iteration == recipe.iterations
            due = last or iteration % recipe.checkpoint_every == 0
            if due or iteration % recipe.log_every == 0 or (group.size == 1 and stopped.is_set()):
                line = log.flush(time.monotonic() - began)
                bar.set_postfix(loss=f"{line['localization'] + line['confidence']:.2f}")
                # Processes that were told to stop at different moments stop together, where they meet anyway.
                stop = bool(group.sum(torch.tensor(stopped.is_set(), device=device).int()))
                if due or stop:
                    save(iteration)
                if stop and not last:
                    raise KeyboardInterrupt

    if group.first:
        trained = network if average is None else average.module
        save_weights(trained, weights, {"network": recipe.network, "recipe": json.dumps(asdict(recipe))})
        record = {"recipe": asdict(recipe), **describe_run(), "train_seconds": round(time.monotonic() - began, 1)}
        record |= {"dataset": samples.name, "processes": group.size, "pretraining": pretraining, "curve": log.lines()}
        write_record(record_path, record)
    group.wait()
    return weights


def build_network(recipe: Recipe, class_names: Sequence[str]) -> SSD:
    """Build the network that a recipe asks for, from its seed's chance or from the weights that it names.

    Weights are those that the network itself takes, and besides any detector of this package on the same network,
    whatever its classes and sizes of priors: what fits is taken over, and where the classes are others, the heads that
    tell them start anew.

    Raises:
        RecipeError: there is no such network, or it cannot have priors of these sizes.
        CheckpointError: the weights are missing or made for another network.

    """
    spec = default_priors(recipe.network)
    if recipe.prior_sizes:
        spec = with_sizes(spec, recipe.prior_sizes)
    if recipe.maps:
        spec = with_maps(spec, recipe.maps)
    if recipe.max_ratio:
        spec = with_ratios(spec, recipe.max_ratio)
    spec = replace(spec, boundary=recipe.boundary_priors)
    build = partial(NETWORKS[recipe.network], len(class_names), class_names=class_names, spec=spec)
    if not recipe.weights:
        return build()
    if is_detector(recipe.weights):
        network = build()
        start_from(network, recipe.weights)
        return network
    return build(weights=recipe.weights)


def training_step(
    network: SSD,
    criterion: MultiBoxLoss,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    gradient_norm: float = 0.0,
    precision: torch.dtype = torch.float32,
    colours: bool = True,
) -> MultiBoxTerms:
    """Take one step of stochastic gradient descent; the host does not wait for the device.

    Args:
        network: in training mode.
        criterion: the loss.
        optimiser: as `make_optimiser` builds it.
        batch: on the network's device.
        rate: this step's learning rate.
        gradient_norm: gradients longer than this are shortened to it; 0 leaves them.
        precision: of the network's arithmetic, as `choose_precision` returns it; the loss is float32 always.
        colours: distort them as the batch says; otherwise they stay as they are, which takes less time.

    Returns:
        The loss before the step, detached.

    """
    for group in optimiser.param_groups:
        group["lr"] = rate * group["rate_factor"]
    images = batch.images.contiguous(memory_format=torch.channels_last)
    images = distort(images, batch.covered, batch.colour) if colours else normalize(images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        offsets, logits = network(images)
    terms = criterion(offsets, logits, batch.boxes, batch.labels)
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    if gradient_norm:
        nn.utils.clip_grad_norm_(network.parameters(), gradient_norm)
    optimiser.step()
    return MultiBoxTerms(*(term.detach() for term in terms))


def shared_step(
    network: nn.Module,
    criterion: MultiBoxLoss,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    gradient_norm: float = 0.0,
    precision: torch.dtype = torch.float32,
    colours: bool = True,
    group: Group = ALONE,
    parts: int = 1,
) -> MultiBoxTerms:
    """Take a step as `training_step` does, for a batch that is shared out to processes, or worked through in parts.

    The loss divides by N, the matched priors of the whole batch, which no share knows. So the gradients of undivided
    sums are added up, over parts and processes, and divided once, by the N of them all. Only batch normalisation sees
    that the batch is in pieces (on GPUs it is told what the other processes see).

    Args:
        network: in training mode; of several processes, in DistributedDataParallel.
        criterion: as for `training_step`, like all up to `colours`.
        optimiser: likewise.
        batch: this process's share of it.
        rate: likewise.
        gradient_norm: likewise.
        precision: likewise.
        colours: likewise.
        group: the processes.
        parts: how many pieces this process works through one after another, for want of memory.

    Returns:
        The loss of the whole batch before the step, detached.

    """
    for parameters in optimiser.param_groups:
        parameters["lr"] = rate * parameters["rate_factor"]
    optimiser.zero_grad(set_to_none=True)
    sums = []
    for number, part in enumerate(batch.split(parts), start=1):
        images = part.images.contiguous(memory_format=torch.channels_last)
        images = distort(images, part.covered, part.colour) if colours else normalize(images)
        between = network.no_sync() if group.size > 1 and number < parts else nullcontext()
        with between:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
                offsets, logits = network(images)
            terms = criterion(offsets, logits, part.boxes, part.labels)
            divided_by = terms.matched.clamp(min=1)
            undivided = [terms.localization * divided_by, terms.confidence * divided_by]
            sum(undivided).backward()
        sums.append(torch.stack([*undivided, terms.matched]).detach())
    localization, confidence, matched = group.sum(torch.stack(sums).sum(dim=0))
    divisor = matched.clamp(min=1)
    for parameter in network.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(group.size / divisor)  # DistributedDataParallel has taken the mean over processes
    if gradient_norm:
        nn.utils.clip_grad_norm_(network.parameters(), gradient_norm)
    optimiser.step()
    return MultiBoxTerms(localization / divisor, confidence / divisor, matched)


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Build the recipe's optimiser with the paper's rules: biases have their own rate and do not decay.

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
    groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.99))
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)


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
    except (RuntimeError, AssertionError, NotImplementedError):  # what torch raises differs from backend to backend
        raise RecipeError("not on this machine", field="device", value=name, expected="auto, cpu or cuda") from None
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype of the network's arithmetic for `Recipe.precision`; what "auto" means is said there."""
    if name == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            fast = device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False)
        name = "bf16" if fast else "fp32"
    return torch.bfloat16 if name == "bf16" else torch.float32


def require_compiler(device: torch.device) -> None:
    """Raise RecipeError if `Recipe.compile` cannot work: for a processor, torch writes C++ and has it compiled."""
    compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        expected = f"{compiler} on this machine (CXX names another), or training without it"
        raise RecipeError("needs a C++ compiler", field="compile", value=True, expected=expected)


def require_finite(network: nn.Module, iteration: int) -> None:
    """Raise TrainingError if a weight is no longer a finite number: a step can spoil weights and report a good loss."""
    for name, tensor in network.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise TrainingError(
                f"weights are not finite numbers after iteration {iteration}",
                field=name,
                expected=f"better boxes in the pictures, or a lower --learning-rate {ANEW}",
            )


class _Log:
    """Writes metrics.jsonl; losses wait on the device until they are written, so that no step waits for them."""

    def __init__(self, path: Path, start: int, group: Group) -> None:
        self.path, self.group = path, group
        self.pending: list[tuple[int, Tensor, float, list[str]]] = []
        # Lines after the checkpoint that a run resumes from will be written again.
        kept = [line for line in self.lines() if line["iteration"] <= start]
        if path.exists() and group.first:
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
                image_ids = [name for share in self.group.gather(image_ids) for name in share]
                raise TrainingError(
                    f"loss is not a finite number at iteration {iteration}",
                    field="pictures of that batch",
                    value=" ".join(image_ids),
                    expected=f"better boxes in these pictures, or a lower --learning-rate {ANEW}",
                )
        iteration, _, rate, image_ids = self.pending[-1]
        pictures = len(image_ids) * self.group.size
        localization, confidence, matched = values.mean(dim=0).tolist()
        steps, took = iteration - self.previous[0], seconds - self.previous[1]
        line = {
            "iteration": iteration,
            "localization": round(localization, 5),
            "confidence": round(confidence, 5),
            "matched": round(matched, 1),
            "learning_rate": rate,
            "pictures_per_second": round(steps * pictures / max(took, 1e-9), 1),
            "seconds": round(seconds, 2),
        }
        if self.group.first:
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            except OSError as error:
                raise cannot_write(self.path, error) from None
        self.pending, self.previous = [], (iteration, seconds)
        return line


def _state(
    recipe: Recipe,
    network: SSD,
    optimiser: torch.optim.Optimizer,
    average: AveragedModel | None,
    seconds: float,
    pretraining: list[dict],
) -> dict:
    """Collect what a run needs to go on; data order and augmentation follow from the iteration alone."""
    return {
        "recipe": asdict(recipe),
        "class_names": list(network.class_names),
        "model": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": None if average is None else average.state_dict(),
        "rng": torch.get_rng_state(),
        "seconds": seconds,
        "pretraining": pretraining,
    }


def _clear(run_dir: Path) -> None:
    """Delete what an earlier run left in its folder."""
    for old in (*run_dir.glob("checkpoint-*.pt"), *(run_dir / name for name in RESULTS)):
        old.unlink(missing_ok=True)


def _restore(
    recipe: Recipe, run_dir: Path, network: SSD, optimiser: torch.optim.Optimizer, average: AveragedModel | None
) -> tuple[int, float, list[dict] | None]:
    """Load the last checkpoint; return the iterations done, the seconds they took, and the history of pretraining.

    Where there is no checkpoint: 0, 0.0 and None.
    """
    state = load_checkpoint(run_dir)
    if state is None:
        return 0, 0.0, None
    unknown = sorted(set(state["recipe"]) - {field.name for field in fields(Recipe)})
    if unknown:
        raise CheckpointError(
            "is unknown here: another version of the package began this run",
            file=run_dir,
            field=f"recipe's {unknown[0]}",
            expected=f"that version, or a new run {ANEW}",
        )
    saved = Recipe(**state["recipe"])
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
    if average is not None:
        average.load_state_dict(state["average"])
    torch.set_rng_state(state["rng"])
    return state["iteration"], state["seconds"], state["pretraining"]


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
