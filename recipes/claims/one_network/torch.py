"""The network in PyTorch: tensors record how they were computed; `backward` traces that back."""

import torch
from torch import nn


class Network:
    def __init__(self, weights, learning_rate):
        w1, b1, w2, b2 = (torch.tensor(array) for array in weights)
        self.model = nn.Sequential(nn.Linear(*w1.shape), nn.ReLU(), nn.Linear(*w2.shape))
        # PyTorch keeps W^T.
        state = {"0.weight": w1.T, "0.bias": b1, "2.weight": w2.T, "2.bias": b2}
        self.model.load_state_dict(state)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), learning_rate)

    def train(self, images, labels, batch_size):
        """Takes a step of gradient descent on each batch; returns the mean loss."""
        images, labels = torch.from_numpy(images), torch.from_numpy(labels).long()
        losses = []
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()
