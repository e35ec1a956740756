"""Importing TensorFlow without its start-up remarks, which no setting of its own silences."""

import contextlib
import os
import tempfile


def import_tensorflow(num_threads=None, prepare=None):
    """Imports TensorFlow and lets it look for devices, silently.

    Of a GPU's memory it takes what it needs, and not all, so that other processes find some. Its
    remarks say, on every machine without a GPU, that there is none.

    Args:
        num_threads: int, the threads that it uses from now on; `None` for one a core.
        prepare: function that is called before it looks.

    Returns:
        What `prepare` returned.
    """
    with silenced():
        import tensorflow as tf

        if num_threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
            tf.config.threading.set_inter_op_parallelism_threads(num_threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        prepared = prepare() if prepare else None
        tf.config.list_logical_devices()
    return prepared


@contextlib.contextmanager
def silenced():
    """Holds back what goes to the file descriptor of stderr; shows it where the block fails."""
    with tempfile.TemporaryFile() as remarks:
        stderr = os.dup(2)
        os.dup2(remarks.fileno(), 2)
        try:
            yield
        except BaseException:
            remarks.seek(0)
            os.write(stderr, remarks.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
