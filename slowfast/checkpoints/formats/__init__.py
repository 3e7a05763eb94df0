"""Formats of weight files: PyTorch, Caffe2, safetensors. Reading any of them runs no code.

first_bytes    what kind of file it is, by its bytes; kinds that hold no weights, in words
torch_file     files of ``torch.save``
caffe2_pickle  pickles of the Caffe2 model zoo
safetensors_file  files of the library safetensors
reading        any weight file, by its content
places         where in a file's content the weights lie
"""
