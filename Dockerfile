# Both commands of the README, in a container:
#
#     docker build -t tfcourse .
#     docker run --rm -v "$PWD/runs:/tfcourse/runs" tfcourse
#     docker run --rm tfcourse python -m pytest
#
# With a GPU: docker build --build-arg TENSORFLOW="tensorflow[and-cuda]" -t tfcourse . && docker run --gpus all ...
FROM python:3.12-slim

# `git` for the commit that metrics.json names.
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home tfcourse
WORKDIR /tfcourse
# Dependencies first: they change seldom, and their layer is kept.
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY tfcourse/__init__.py tfcourse/
COPY recipes/__init__.py recipes/
COPY configs configs/
ARG TENSORFLOW=tensorflow
RUN pip install --no-cache-dir "$TENSORFLOW" -e ".[test]"
COPY . .
RUN chown -R tfcourse /tfcourse
USER tfcourse
CMD ["python", "-m", "recipes.mnist_softmax", "--flagfile=configs/mnist_softmax.flags"]
