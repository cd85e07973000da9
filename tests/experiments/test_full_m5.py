"""The full shape of M5: that it is repeated rightly, and, slow, that it loads and is judged within bounds."""

import numpy as np
import pytest

from experiments.full_m5 import Config, measure, tile
from jaxinv.data import read_m5
from tests.data.samples import REAL, real


@real
def test_repeated_series_are_those_of_the_source(tmp_path):
    tile(REAL / "m5_long1941", tmp_path, items=12)
    whole, source = read_m5(tmp_path), read_m5(REAL / "m5_long1941")
    assert whole.quantity.shape == (1941, 10, 12)
    store = whole.locations.index("CA_1")
    sold = source.available[:, store].any(0)
    for j in range(12):
        k = np.flatnonzero(sold)[j % sold.sum()]
        for field in ("quantity", "price", "available"):
            np.testing.assert_array_equal(getattr(whole, field)[:, store, j], getattr(source, field)[:, store, k])


@real
@pytest.mark.slow
def test_the_full_shape_loads_and_is_judged():
    """Seconds are those of two shared cores, twice over; memory is that of the aim."""
    found = measure(Config(REAL / "m5_long1941"))
    assert (found["series"], found["days"]) == (30490, 1941)
    assert found["load_seconds"] < 60
    assert found["load_peak_gib"] < 6
    assert found["peak_gib"] < 6
    assert found["units_demanded"] < found["units"]
    assert 0.8 < found["fill_rate"] < 1.0
