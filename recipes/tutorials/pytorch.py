"""The linear regression of the PyTorch tutorial, https://github.com/yunjey/pytorch-tutorial.

The lines of its loop are the tutorial's. To take the same steps as ours, it starts from 0 instead
of random weights, and computes in float64.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


def linear_regression(
    features: npt.NDArray[np.floating],
    values: npt.NDArray[np.floating],
    *,
    learning_rate: float,
    num_epochs: int,
) -> npt.NDArray[np.float64]:
    """Fits a line by gradient descent on the mean squared error, all points in each step.

    Args:
        features: `[m, features]`.
        values: `[m]`.
        learning_rate: > 0.
        num_epochs: >= 0, the number of steps.

    Returns:
        b and the weights before the first and after each step, `[steps + 1, 1 + features]`.
    """
    inputs, targets = torch.from_numpy(features), torch.from_numpy(values[:, np.newaxis])
    model = nn.Linear(features.shape[1], 1, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

    def theta() -> npt.NDArray[np.float64]:
        return torch.cat([model.bias, model.weight[0]]).detach().numpy()

    path = [theta()]
    for _ in range(num_epochs):
        # Forward pass
        outputs = model(inputs)
        loss = criterion(outputs, targets)

        # Backward and optimize
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(theta())
    return np.array(path)
