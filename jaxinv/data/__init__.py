"""Sales files in, panels out, and processes fitted to them."""

from jaxinv.data.embedded import PANELS, load_panel
from jaxinv.data.fit import FittedDemand, fit_demand
from jaxinv.data.panel import DemandPanel

__all__ = ["PANELS", "DemandPanel", "FittedDemand", "fit_demand", "load_panel"]
