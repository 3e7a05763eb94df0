"""The benchmark of reading videos for a prediction."""

from benchmarks import predict


def test_it_measures_both_kinds_of_windows(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(predict, "MOST", 1000)  # a film of two seconds says nothing of the limit
    assert predict.main([str(tmp_path), "--repeats", "1", "--frames", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[2].startswith("reading windows of 32 frames, 2 apart")
    assert float(lines[2].split()[7]) > 0
