"""The table of classes is read as it was written."""

import math

import numpy as np
import pytest

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.results.per_class import class_results, read_class_results, write_class_results


def test_written_and_read(tmp_path):
    table = ClassTable(["Eating, fast", "b\udcff"], ["head", "tail"], "", np.array([9, 0]))
    rows = class_results(np.array([0.25, np.nan]), np.array([3.0, 0]), table)
    path = tmp_path / "t.csv"
    write_class_results(path, rows)
    assert path.read_text(errors="surrogateescape").splitlines() == [
        "id,name,segment,training_count,test_count,AP",
        '0,"Eating, fast",head,9,3,0.250000',
        "1,b\udcff,tail,0,0,no test clip",
    ]
    one, other = read_class_results(path)
    assert one == rows[0]
    assert math.isnan(other.ap)
    assert other.name == "b\udcff"

    write_class_results(path, class_results(np.array([0.5]), np.array([1]), None))
    (unknown,) = read_class_results(path)
    assert (unknown.name, unknown.segment, unknown.training_count) == ("0", "", None)


def test_another_file_is_refused(tmp_path):
    for text in ("clip,labels\n", "id,name,segment,training_count,test_count,AP\nx"):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(UserError, match=r"t.csv: cannot be read as the table of classes of"):
            read_class_results(tmp_path / "t.csv")
    with pytest.raises(UserError, match="No such file"):
        read_class_results(tmp_path / "none.csv")
