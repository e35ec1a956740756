"""PyTorch: with a DataLoader as in its MNIST example, with resident tensors, compiled, in bfloat16.

https://github.com/pytorch/examples/tree/main/mnist is followed in its loop; its images are
decoded and normalized one by one in the DataLoader, which is left out here in its favour. All but
the example keep images and kernels in the layout "channels last", in which oneDNN convolves.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contestants import task as tasks
from benchmarks.contestants.pace import Pace, drive
from benchmarks.contestants.task import Arrays, Task

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Tensors = tuple[torch.Tensor, torch.Tensor]  # Images and labels.


def prepare(task: Task, arrays: Arrays) -> tuple[Tensors, Tensors]:
    def tensors(images: np.ndarray, labels: np.ndarray) -> Tensors:
        pixels = torch.from_numpy(tasks.scaled(images)).permute(0, 3, 1, 2)
        layout = torch.contiguous_format if task.variant == "example" else torch.channels_last
        pixels = pixels.contiguous(memory_format=layout)
        return pixels.to(DEVICE), torch.from_numpy(labels).long().to(DEVICE)

    train = tensors(arrays.train_images, arrays.train_labels)
    return train, tensors(arrays.test_images, arrays.test_labels)


def run(task: Task, data: tuple[Tensors, Tensors], pace: Pace) -> None:
    train, test = data
    torch.manual_seed(task.seed)
    model = MODELS[task.model]()
    initialize(model)
    model.to(DEVICE)
    if task.variant != "example":
        model.to(memory_format=torch.channels_last)
    epoch = example_epoch if task.variant == "example" else resident_epoch

    def save(path: str) -> None:
        torch.save(model.state_dict(), path)

    drive(pace, epoch(task, model, *train), lambda: accuracy(model, *test), save)


def example_epoch(
    task: Task, model: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> Callable[[], tuple[float, float]]:
    loader = DataLoader(TensorDataset(images, labels), task.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=task.learning_rate)

    def train() -> tuple[float, float]:
        model.train()
        total_loss, num_correct = 0.0, 0
        for image, label in loader:
            optimizer.zero_grad()
            output = model(image)
            loss = functional.cross_entropy(output, label)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            num_correct += output.argmax(dim=1).eq(label).sum().item()
        return total_loss / len(loader), num_correct / len(labels)

    return train


def resident_epoch(
    task: Task, model: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> Callable[[], tuple[float, float]]:
    def loss_and_correct(image: torch.Tensor, label: torch.Tensor) -> Tensors:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=task.variant == "bfloat16"):
            output = model(image)
        output = output.float()
        num_correct = output.detach().argmax(dim=1).eq(label).sum()
        return functional.cross_entropy(output, label), num_correct

    forward = torch.compile(loss_and_correct) if task.variant == "compiled" else loss_and_correct
    optimizer = torch.optim.Adam(model.parameters(), lr=task.learning_rate, fused=True)

    def train() -> tuple[float, float]:
        model.train()
        total_loss = torch.zeros((), device=DEVICE)
        num_correct = torch.zeros((), dtype=torch.int64, device=DEVICE)
        batches = torch.randperm(len(labels), device=DEVICE).split(task.batch_size)
        for indices in batches:
            loss, correct = forward(images[indices], labels[indices])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total_loss += loss.detach()
            num_correct += correct
        return total_loss.item() / len(batches), num_correct.item() / len(labels)

    return train


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    batches = zip(images.split(tasks.TEST_BATCH), labels.split(tasks.TEST_BATCH), strict=True)
    num_correct = sum(model(image).argmax(dim=1).eq(label).sum().item() for image, label in batches)
    return num_correct / len(labels)


def softmax_regression() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, tasks.NUM_CLASSES))


def batch_norm_mlp() -> nn.Module:
    widths = (28 * 28, *tasks.HIDDEN_UNITS)
    hidden = [
        layer
        for inputs, units in itertools.pairwise(widths)
        for layer in (
            nn.Linear(inputs, units, bias=False),
            batch_norm(nn.BatchNorm1d, units),
            nn.ReLU(),
        )
    ]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(widths[-1], tasks.NUM_CLASSES))


def small_cnn() -> nn.Module:
    channels = (1, *tasks.FILTERS)
    stages = [
        layer
        for inputs, filters in itertools.pairwise(channels)
        for layer in (
            nn.Conv2d(inputs, filters, 3, padding=1, bias=False),
            batch_norm(nn.BatchNorm2d, filters),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
    ]
    features = tasks.LAST_SIDE**2 * channels[-1]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(features, tasks.NUM_CLASSES))


def batch_norm(kind: type[nn.Module], features: int) -> nn.Module:
    # PyTorch's momentum is the share of the new value, Keras's that of the old one.
    momentum = 1.0 - tasks.BATCH_NORM_MOMENTUM
    return kind(features, eps=tasks.BATCH_NORM_EPSILON, momentum=momentum)


def initialize(model: nn.Module) -> None:
    """Sets the weights as Keras does: Glorot uniform, biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


MODELS = {
    "softmax_regression": softmax_regression,
    "batch_norm_mlp": batch_norm_mlp,
    "small_cnn": small_cnn,
}


def threads(task: Task) -> int:
    return torch.get_num_threads()
