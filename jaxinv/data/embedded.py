"""Real sales that come with the package. Sources, licences and what was done to them: ``panels/README.md``."""

from importlib.resources import files

import numpy as np

from jaxinv.data.dense import carried
from jaxinv.data.panel import DemandPanel

PANELS = ("complete_journey", "online_retail")


def load_panel(name: str) -> DemandPanel:
    """An embedded panel, its locations and SKUs by units sold, largest first.

    ``complete_journey``: 20 grocery stores x 60 product categories x the 365 days of 2017, with prices and promotions,
    as bought by a panel of households (84.51°, CC0). ``online_retail``: 200 gifts of an online shop x 739 days from
    December 2009, with prices and closed days (Chen 2012, UCI Machine Learning Repository, CC BY 4.0).

    Raises ``ValueError`` for another name.
    """
    if name not in PANELS:
        raise ValueError(f"no embedded panel {name!r}; there are {', '.join(PANELS)}")
    with files("jaxinv.data").joinpath("panels", f"{name}.npz").open("rb") as file, np.load(file) as arrays:
        return DemandPanel(
            quantity=arrays["quantity"],
            dates=arrays["dates"],
            locations=tuple(arrays["locations"]),
            skus=tuple(arrays["skus"]),
            price=carried(np.where(arrays["cents"] > 0, arrays["cents"] / 100.0, np.nan)),
            promotion=arrays.get("promotion"),
            available=arrays["available"],
        )
