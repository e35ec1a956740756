#!/usr/bin/env bash
# Runs the parts' tests and the main job under other Pythons and versions, each in an environment of its own.
#
#     tests/versions.sh                     # all of them
#     tests/versions.sh 3.12 3.13:lowest    # Python 3.12 with the newest, 3.13 with the lowest versions
#
# VERSION is what pip takes today. VERSION:lowest is the lowest that pyproject.toml admits and that has a wheel for
# that Python; VERSION:next lets pre-releases of TensorFlow, Keras and keras-tuner in, beyond our bounds: what has
# changed in Keras shows in tests/keras_internals_test.py. Where a Python is missing, a line says so.
set -euo pipefail
cd "$(dirname "$0")/.."

# What has to hold wherever the package installs; the rest of the tests is about the same code.
PARTS=(averages batching choices exit_codes files gradient_tape hyperparameters journal keras_internals layers
    optimizers own_arrays own_tables platforms quadratic_recipe resume run_dir saved_arrays scales schedules
    sweep_driver training)
tests=()
for part in "${PARTS[@]}"; do
    tests+=("tests/${part}_test.py")
done
if [ "${1:-}" = --tests ]; then # For CI's runners of other systems.
    printf '%s\n' "${tests[@]}"
    exit
fi

# One of them; the script calls itself for it, since `set -e` counts for nothing inside of a condition.
if [ "${1:-}" = --one ]; then
    python="$2" kind="$3" uv="$4" environment="$5"
    lowest=()
    [ "$kind" != lowest ] || lowest=(--resolution lowest-direct --only-binary :all: --no-binary promise)
    "$uv" venv --quiet --no-python-downloads --python "$python" "$environment"
    export VIRTUAL_ENV="$environment"
    # The tests are those of this folder, and so is the code: tfcourse itself is not installed.
    "$uv" pip install --quiet "${lowest[@]}" -r pyproject.toml
    if [ "$kind" = next ]; then
        "$uv" pip install --quiet --prerelease allow --upgrade tensorflow keras keras-tuner
    fi
    "$uv" pip install --quiet "pytest>=8" "pytest-xdist>=3.6" "hypothesis>=6.100"
    names="tensorflow|keras|keras-nightly|keras-tuner|numpy|pandas|matplotlib|protobuf|distributed"
    "$uv" pip freeze | grep -iE "^($names)==" | paste -sd' '
    "$environment/bin/python" -m pytest -q -p no:cacheprovider "${tests[@]}"
    "$environment/bin/python" -m recipes.mnist_softmax --flagfile=configs/mnist_softmax.digits.flags \
        --run_dir="$environment/run"
    exit
fi

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/uv" && "$folder/uv/bin/pip" install --quiet uv
uv="$folder/uv/bin/uv"
failed=0
wanted=("$@")
[ $# != 0 ] || wanted=(3.11 3.12 3.13 3.13:lowest 3.13:next)
for each in "${wanted[@]}"; do
    python="${each%%:*}" kind="${each#"${each%%:*}"}"
    echo "== Python $each"
    if ! "$uv" python find --no-python-downloads "$python" > /dev/null 2>&1; then
        echo "== Python $each: not run, this Python is not here"
    elif bash tests/versions.sh --one "$python" "${kind#:}" "$uv" "$folder/$each"; then
        echo "== Python $each: passed"
    else
        echo "== Python $each: failed" && failed=1
    fi
    rm -rf "${folder:?}/$each"
done
exit "$failed"
