"""Sales files in, panels out, and processes fitted to them."""

from jaxinv.data.columns import KNOWN_NAMES
from jaxinv.data.complete_journey import read_complete_journey
from jaxinv.data.embedded import PANELS, load_panel
from jaxinv.data.favorita import read_favorita
from jaxinv.data.fit import FittedDemand, fit_demand
from jaxinv.data.held_out import Compared, held_out_report
from jaxinv.data.infer import Inferred, infer_columns
from jaxinv.data.known import known_covariates
from jaxinv.data.m5 import read_m5
from jaxinv.data.master import SkuMaster, read_master
from jaxinv.data.online_retail import read_online_retail
from jaxinv.data.panel import DemandPanel
from jaxinv.data.read import read_sales, read_wide
from jaxinv.data.statistics import PanelStatistics, panel_statistics
from jaxinv.data.windows import replay_windows

__all__ = [
    "KNOWN_NAMES",
    "PANELS",
    "Compared",
    "DemandPanel",
    "FittedDemand",
    "Inferred",
    "PanelStatistics",
    "SkuMaster",
    "fit_demand",
    "held_out_report",
    "infer_columns",
    "known_covariates",
    "load_panel",
    "panel_statistics",
    "read_complete_journey",
    "read_favorita",
    "read_m5",
    "read_master",
    "read_online_retail",
    "read_sales",
    "read_wide",
    "replay_windows",
]
