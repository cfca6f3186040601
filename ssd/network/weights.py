"""Weights to share: safetensors files whose metadata say which network they belong to and what its classes are."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from ..checkpoint import write_atomically
from ..errors import CheckpointError
from ..priors import PriorLevel, PriorSpec, prior_boxes
from .ssd import SSD

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "weights"
"""Where the book keeps the weights it made."""


def save_weights(network: SSD, path: str | Path, metadata: dict[str, str], half: bool = False) -> None:
    """Write a network's weights; class names and priors are added to the metadata.

    Args:
        network: whose weights they are.
        path: the .safetensors file to write.
        metadata: what to say of them, `network` at least.
        half: write the kernels of convolutions as float16, in half the room. Biases and what batch normalisation knows
            are few and stay float32.

    Raises:
        CheckpointError: a kernel has a value that float16 does not reach, or the file cannot be written.

    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    if half:
        for name, tensor in tensors.items():
            if tensor.dim() == 4:
                tensors[name] = tensor.half()
                if not bool(tensors[name].isfinite().all()):
                    largest = f"{float(tensor.abs().max()):g}"
                    raise CheckpointError(
                        "is too large for 16 bits", file=path, field=name, value=largest, expected="65504 at most"
                    )
    priors = json.dumps(asdict(network.spec))
    metadata = {**metadata, "class_names": json.dumps(network.class_names), "priors": priors}
    write_atomically(Path(path), safetensors.torch.save(tensors, metadata))


def find_weights(weights: str | Path) -> Path:
    """Return the path of a weights file, given as a path or as the name of shipped weights.

    Raises:
        CheckpointError: there is no such file.

    """
    for path in (Path(weights), SHIPPED / f"{weights}.safetensors"):
        if path.is_file():
            return path
    shipped = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.safetensors"))) or "none yet"
    raise CheckpointError(
        "no such weights", file=weights, expected=f"a .safetensors file, or one of the shipped: {shipped}"
    )


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return what a weights file says of itself: at least `network`, `class_names` and `priors` (both JSON).

    Raises:
        CheckpointError: not a safetensors file, or one without these or with others.

    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"cannot be read ({error})", file=path, expected="a .safetensors file") from None
    for field in ("network", "class_names", "priors"):
        if field not in metadata:
            raise CheckpointError(
                "is missing", file=path, field=f"metadata {field}", expected="weights saved by ssd.train"
            )
    try:
        class_names = json.loads(metadata["class_names"])
    except json.JSONDecodeError:
        class_names = None
    if not isinstance(class_names, list) or not all(isinstance(name, str) for name in class_names):
        raise CheckpointError(
            "cannot be read",
            file=path,
            field="metadata class_names",
            value=metadata["class_names"],
            expected="a JSON list of names",
        )
    return metadata


def _read_spec(path: Path, priors: str) -> PriorSpec:
    """Read the priors that weights were trained with, as their file has them."""
    try:
        fields = json.loads(priors)
        lists = ("aspect_ratios", "more")
        levels = tuple(
            PriorLevel(**one | {name: _tuples(one[name]) for name in lists if name in one}) for one in fields["levels"]
        )
        spec = PriorSpec(**fields | {"levels": levels, "variances": _tuples(fields["variances"])})
        prior_boxes(spec)  # numbers that are none would show here
        return spec
    except (ValueError, KeyError, TypeError, RuntimeError):
        raise CheckpointError(
            "cannot be read", file=path, field="metadata priors", value=priors, expected="a JSON ssd.priors.PriorSpec"
        ) from None


def _tuples(values: list) -> tuple:
    """Turn lists in lists, which JSON has, into tuples in tuples."""
    return tuple(_tuples(value) if isinstance(value, list) else value for value in values)


def load_weights(network: SSD, weights: str | Path) -> None:
    """Read weights into a network of the same shape.

    Raises:
        CheckpointError: no such file, or it was made for another network, number of classes or set of priors.

    """
    path = find_weights(weights)
    spec = _read_spec(path, read_metadata(path)["priors"])
    if spec != network.spec:
        sizes, expected = ([level.min_size for level in one.levels] for one in (spec, network.spec))
        if sizes == expected:
            sizes, expected = spec, network.spec
        raise CheckpointError(
            "are not the network's", file=path, field="priors of sizes", value=sizes, expected=f"spec={expected}"
        )
    state = safetensors.torch.load_file(path)
    mine = network.state_dict()
    for name in [*mine, *state]:
        found, wanted = (tuple(d[name].shape) if name in d else "nothing" for d in (state, mine))
        if found != wanted:
            raise CheckpointError(
                "does not fit the network",
                file=path,
                field=name,
                value=found,
                expected=f"{wanted} ({network.num_classes} classes)",
            )
    network.load_state_dict(state)


def is_detector(weights: str | Path) -> bool:
    """Say whether weights, as a path or a name, are a whole detector of this package's."""
    return str(weights).endswith(".safetensors") or (SHIPPED / f"{weights}.safetensors").is_file()


def start_from(network: SSD, weights: str | Path) -> None:
    """Let a network start from a trained detector on the same body, whatever its classes and sizes of priors.

    If the classes are not the same, the heads that tell them are not taken over. Heads stay what they are, too, where
    the priors of a cell are others in number.

    Raises:
        CheckpointError: no such file, or it was made for another network.

    """
    path = find_weights(weights)
    metadata = read_metadata(path)
    same_classes = tuple(json.loads(metadata["class_names"])) == tuple(network.class_names)
    state, mine = safetensors.torch.load_file(path), network.state_dict()
    for name in [*mine, *state]:
        head = name.startswith(("logit_heads.", "offset_heads."))
        found, wanted = (tuple(d[name].shape) if name in d else "nothing" for d in (state, mine))
        if found != wanted and not (head and "nothing" not in (found, wanted)):
            raise CheckpointError(
                f"of {metadata['network']} does not fit the network",
                file=path,
                field=name,
                value=found,
                expected=f"{wanted}",
            )
        if found == wanted and (same_classes or not name.startswith("logit_heads.")):
            mine[name] = state[name]
    network.load_state_dict(mine)


def model_from_weights(weights: str | Path) -> SSD:
    """Build the network that a weights file belongs to, with its class names, and load it; ready to predict.

    Raises:
        CheckpointError: no such file, or its network is not one of this package's.

    """
    from . import NETWORKS  # here, since the networks themselves load weights

    path = find_weights(weights)
    metadata = read_metadata(path)
    class_names = tuple(json.loads(metadata["class_names"]))
    if metadata["network"] not in NETWORKS:
        raise CheckpointError(
            "unknown",
            file=path,
            field="metadata network",
            value=metadata["network"],
            expected="one of " + ", ".join(NETWORKS),
        )
    spec = _read_spec(path, metadata["priors"])
    network = NETWORKS[metadata["network"]](len(class_names), weights=path, class_names=class_names, spec=spec)
    return network.eval().to(memory_format=torch.channels_last)
