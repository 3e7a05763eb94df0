"""Caffe2 weights get the published names, and a pickle gives only arrays."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.checkpoints.formats.caffe2_pickle import read_blobs
from slowfast.checkpoints.namings.caffe2 import is_weight, parameter_name

WEIGHTS = {"weight", "bias", "running_mean", "running_var"}
NAMES = json.loads((Path(__file__).parents[1] / "reference/caffe2_names.json").read_text())


def test_blobs_are_renamed_as_published():
    assert {blob: parameter_name(blob) for blob in NAMES} == NAMES
    for blob, name in NAMES.items():
        assert is_weight(blob) == (name.rpartition(".")[2] in WEIGHTS), blob


ARRAYS = {
    "a": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">i4"),
    "half": np.ones((1, 2), np.float16),
    "scalar": np.float32(0.5),
    "empty": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_are_read_unchanged(tmp_path, protocol):
    path = tmp_path / "weights.pkl"
    plain = {"name": "x", "list": [1, 2.5, None, True], "bytes": b"\xff"}
    path.write_bytes(pickle.dumps({"blobs": {**ARRAYS, "text": "skipped"}, **plain}, protocol))
    blobs = read_blobs(path)
    assert blobs.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert blobs[name].dtype.kind == array.dtype.kind
        np.testing.assert_array_equal(blobs[name], array)


def test_a_pickle_of_python_2_is_read(tmp_path):
    # What Python 2 with numpy 1 wrote for {"blobs": {"pred_b": array([1, 2], float32)}}.
    path = tmp_path / "weights.pkl"
    path.write_bytes(
        b"\x80\x02}q\x00U\x05blobsq\x01}q\x02U\x06pred_bq\x03cnumpy.core.multiarray\n"
        b"_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85q\x06U\x01bq\x07\x87q\x08Rq\t(K\x01"
        b"K\x02\x85q\ncnumpy\ndtype\nq\x0bU\x02f4q\x0cK\x00K\x01\x87q\rRq\x0e(K\x03U\x01<q\x0f"
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b\x89U\x08\x00\x00\x80?\x00\x00\x00@"
        b"q\x11tq\x12bss."
    )
    np.testing.assert_array_equal(read_blobs(path)["pred_b"], [1.0, 2.0])


class Call:
    """Unpickling this object calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Call(exec, "open('was_run', 'w')"),
        Call(open, "was_run", "w"),
        np.array([Call(open, "was_run", "w")], dtype=object),
        np.zeros(2, dtype=[("field", "f4")]),
        Path("x"),
        {1, 2},
    ],
    ids=["exec", "open", "object array", "structured array", "path", "set"],
)
@pytest.mark.parametrize("where", ["blob", "beside"])
def test_other_content_is_refused_and_not_run(tmp_path, monkeypatch, evil, where):
    monkeypatch.chdir(tmp_path)
    content = {"blobs": {"a": ARRAYS["a"]}}
    (content["blobs"] if where == "blob" else content)["evil"] = evil
    Path("evil.pkl").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UserError, match=r"evil\.pkl: refused.*Nothing in the file was run"):
        read_blobs("evil.pkl")
    assert not Path("was_run").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a complete Caffe2 pickle"),
        (b"hello", "not a complete Caffe2 pickle"),
        (pickle.dumps({"blobs": ARRAYS})[:80], "not a complete Caffe2 pickle"),
        (pickle.dumps({"weights": {}}), "without the dict `blobs`"),
        (pickle.dumps([1]), "without the dict `blobs`"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, reason):
    path = tmp_path / "weights.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read_blobs(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_blobs(tmp_path / "none.pkl")
