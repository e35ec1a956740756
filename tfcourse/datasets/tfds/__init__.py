"""Sets of TensorFlow Datasets, and the original files of MNIST and similar sets."""
