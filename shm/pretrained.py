"""Starting from ImageNet: weights of torchvision's classifiers put into T-Net's and M-Net's encoders.

Nothing is fetched: the user gives a file. A file of another network is refused before anything is changed,
because an encoder that was half filled trains, and badly.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model

_RESNET = {"at4.0": "conv1", "at4.1": "bn1", "at4.4": "layer1", "at8": "layer2", "middle": "layer3"}
_MOBILENET = {"at4": "features", "at8": "features", "middle": "features", "deep": "features"}
CLASSIFIERS: dict[str, tuple[str, dict[str, str]]] = {
    "resnet50": ("resnet50", _RESNET | {"deep": "layer4"}),
    "resnet18_short": ("resnet18", _RESNET),
    "resnet18_wide": ("resnet18", _RESNET),
    "mobilenet_v3_large": ("mobilenet_v3_large", _MOBILENET),
}
"""Per T-Net backbone: the torchvision classifier that it is part of, and what its own parts are called there.
What is not named here (resnet18_wide's dilated blocks) is in no classifier and starts as it was made."""


class WrongWeights(ValueError):
    """A file does not hold the weights asked for; the message names the file, what is wrong and what fits."""


def read_state(file: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch (.pth, .pt) or safetensors file, by name. Runs no code from the file.

    Raises WrongWeights.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WrongWeights(f"{file}: cannot be read: {error.strerror or error}") from error
    # Everything: fed with bytes that are no pickle, torch's reader raises whatever it trips over.
    except Exception as error:
        raise WrongWeights(
            f"{file}: is no file of PyTorch or safetensors weights, or a damaged one"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WrongWeights(f"{file}: holds no state dict (names and tensors); save model.state_dict()")
    return dict(state)


def start_from(module: nn.Module, names: Mapping[str, str], file: Path, classifier: str) -> None:
    """Copies tensors of `file`, which must hold torchvision's `classifier`, into `module`. `names` has, per
    tensor of the module that is to be filled, its name in the file.

    A convolution with more input channels than the file's three gets zeros in the others, so that the first
    step sees the photo as ImageNet did. Raises WrongWeights, and then has changed nothing.
    """
    state = _without_head(read_state(file))
    _check_is(classifier, state, file)
    own = module.state_dict()
    wanted = {name: theirs for name, theirs in names.items() if theirs in state}
    for name, theirs in wanted.items():
        if not _fits(own[name], state[theirs]):
            raise WrongWeights(
                f"{file}: {theirs} is {list(state[theirs].shape)}, but {list(own[name].shape)} in this "
                f"network; {classifier}'s weights only fit a network of its full width"
            )
    for name, theirs in wanted.items():
        if own[name].ndim == 4:
            own[name].zero_()
            own[name][:, : state[theirs].shape[1]].copy_(state[theirs])
        else:
            own[name].copy_(state[theirs])


def start_backbone(features: nn.Module, backbone: str, file: Path) -> None:
    """Starts a T-Net's `features`, an entry of `shm.tnet.BACKBONES`, from its classifier's weights.

    Raises WrongWeights.
    """
    classifier, parts = CLASSIFIERS[backbone]
    names = {}
    for name in features.state_dict():
        part = next((p for p in parts if name.startswith(f"{p}.")), None)
        if part is not None:
            names[name] = parts[part] + name.removeprefix(part)
    start_from(features, names, file, classifier)


def _check_is(classifier: str, state: Mapping[str, Tensor], file: Path) -> None:
    # All of it, not only what is wanted: a ResNet-34 has every tensor of a ResNet-18, with other meanings.
    with torch.device("meta"):
        expected = _without_head(get_model(classifier, weights=None).state_dict())
    differing = sorted(expected.keys() ^ state.keys())
    differing += [n for n in sorted(expected.keys() & state.keys()) if expected[n].shape != state[n].shape]
    if differing:
        raise WrongWeights(
            f"{file}: is not torchvision's {classifier}: {len(differing)} tensors differ from its, "
            f"{differing[0]} for one"
        )


def _without_head(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Features alone. A head may have been trained for other classes; counters are absent from the files of
    before 2018 and are not used."""
    return {
        name: tensor
        for name, tensor in state.items()
        if not name.startswith(("fc.", "classifier.")) and not name.endswith("num_batches_tracked")
    }


def _fits(own: Tensor, given: Tensor) -> bool:
    if own.ndim == 4 == given.ndim and given.shape[1] == 3:
        return own.shape[0] == given.shape[0] and own.shape[1] >= 3 and own.shape[2:] == given.shape[2:]
    return own.shape == given.shape
