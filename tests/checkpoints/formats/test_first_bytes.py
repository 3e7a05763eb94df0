"""A file that holds no weights, or not all of them, is described; nothing in it is run."""

import gzip
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.formats.reading import read_weight_file

HEADER = json.dumps({"w": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}}).encode()
SAFETENSORS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(400)
BYTES = {
    b"": "it is empty",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "git lfs pull",
    b"<!DOCTYPE html><html>": "a web page",
    b"\xef\xbb\xbf\n<html>": "a web page",
    json.dumps({"metadata": {}, "weight_map": {"w": "a"}}).encode(): "index of weights",
    b'{"error": "not found"}': "a JSON text",
    b"\x89HDF\r\n\x1a\n" + bytes(9): "an HDF5 file",
    b"\x08\x07\x12\x07pytorch\x1a\x052.1.0": "an ONNX or TensorFlow graph",
    gzip.compress(b"weights"): r"gzip\. Unpack it",
    SAFETENSORS[:-8]: r"safetensors file: it is truncated, \d+ of \d+ bytes",
    bytes(100): "it begins with zeros",
    b"something else": "truncated or of another kind",
}


@pytest.mark.parametrize(("content", "words"), BYTES.items(), ids=BYTES.values())
def test_bytes_of_other_files_are_described(tmp_path, content, words):
    (tmp_path / "x.pyth").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.pyth: (?s:.)*{words}"):
        read_weight_file(tmp_path / "x.pyth")


def test_an_archive_of_other_files_is_described(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("SLOWFAST_8x8_R50.pyth", b"")
    with pytest.raises(UserError, match=r"zip archive with SLOWFAST_8x8_R50\.pyth\. Unpack it"):
        read_weight_file(tmp_path / "x.pth")
    np.savez(tmp_path / "y.npz", w=np.zeros(2))
    with pytest.raises(UserError, match=r"zip archive with w\.npy"):
        read_weight_file(tmp_path / "y.npz")


def test_a_truncated_file_is_called_so(tmp_path):
    torch.save({"model_state": {"w": torch.zeros(1000)}}, tmp_path / "x.pyth")
    whole = (tmp_path / "x.pyth").read_bytes()
    (tmp_path / "x.pyth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"it is truncated after [\d,]+ bytes"):
        read_weight_file(tmp_path / "x.pyth")


class Touches(nn.Linear):
    """A network that would write a file when it is unpickled."""

    def __setstate__(self, state: dict) -> None:
        os.close(os.open("was_run", os.O_CREAT))


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_whole_network_is_refused_with_a_way_out(tmp_path, monkeypatch, is_zip):
    monkeypatch.chdir(tmp_path)
    torch.save(Touches(2, 2), "net.pt", _use_new_zipfile_serialization=is_zip)
    words = r"whole object of the class \S*\.Touches.*torch\.save\(model\.state_dict\(\)"
    with pytest.raises(UserError, match=words):
        read_weight_file("net.pt")
    torch.save({"model": Touches(2, 2)}, "in.pt", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(UserError, match=r"would run code.*torch\.save\(model\.state_dict\(\)"):
        read_weight_file("in.pt")
    assert not Path("was_run").exists()


def test_a_program_of_torchscript_is_refused_with_a_way_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/net.py"):
            archive.writestr(f"net/{name}", b"")
    with pytest.raises(UserError, match=r"TorchScript archive.*torch\.jit\.load\(FILE\)"):
        read_weight_file(tmp_path / "script.pt")
