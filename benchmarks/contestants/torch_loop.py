"""PyTorch: with a DataLoader as in its MNIST example, with resident tensors, compiled, in bfloat16.

https://github.com/pytorch/examples/tree/main/mnist is followed in its loop; its images are
decoded and normalized one by one in the DataLoader, which is left out here in its favour. All but
the example keep images and kernels in the layout "channels last", in which oneDNN convolves.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contestants import task as tasks
from benchmarks.contestants.pace import drive

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare(task, arrays):
    def tensors(images, labels):
        pixels = torch.from_numpy(tasks.scaled(images)).permute(0, 3, 1, 2)
        layout = torch.contiguous_format if task.variant == "example" else torch.channels_last
        pixels = pixels.contiguous(memory_format=layout)
        return pixels.to(DEVICE), torch.from_numpy(labels).long().to(DEVICE)

    train = tensors(arrays.train_images, arrays.train_labels)
    return train, tensors(arrays.test_images, arrays.test_labels)


def run(task, data, pace):
    train, test = data
    torch.manual_seed(task.seed)
    model = MODELS[task.model]()
    initialize(model)
    model.to(DEVICE)
    if task.variant != "example":
        model.to(memory_format=torch.channels_last)
    epoch = example_epoch if task.variant == "example" else resident_epoch

    def save(path):
        torch.save(model.state_dict(), path)

    drive(pace, epoch(task, model, *train), lambda: accuracy(model, *test), save)


def example_epoch(task, model, images, labels):
    loader = DataLoader(TensorDataset(images, labels), task.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=task.learning_rate)

    def train():
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


def resident_epoch(task, model, images, labels):
    def loss_and_correct(image, label):
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=task.variant == "bfloat16"):
            output = model(image)
        output = output.float()
        num_correct = output.detach().argmax(dim=1).eq(label).sum()
        return functional.cross_entropy(output, label), num_correct

    forward = torch.compile(loss_and_correct) if task.variant == "compiled" else loss_and_correct
    optimizer = torch.optim.Adam(model.parameters(), lr=task.learning_rate, fused=True)

    def train():
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
def accuracy(model, images, labels):
    model.eval()
    batches = zip(images.split(tasks.TEST_BATCH), labels.split(tasks.TEST_BATCH), strict=True)
    num_correct = sum(model(image).argmax(dim=1).eq(label).sum().item() for image, label in batches)
    return num_correct / len(labels)


def softmax_regression():
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, tasks.NUM_CLASSES))


def batch_norm_mlp():
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


def small_cnn():
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


def batch_norm(kind, features):
    # PyTorch's momentum is the share of the new value, Keras's that of the old one.
    momentum = 1.0 - tasks.BATCH_NORM_MOMENTUM
    return kind(features, eps=tasks.BATCH_NORM_EPSILON, momentum=momentum)


def initialize(model):
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


def threads(task):
    return torch.get_num_threads()
