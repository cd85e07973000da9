"""What a panel's covariates say before each period's demand."""

from collections.abc import Sequence

import numpy as np

from jaxinv.data.dense import last_known
from jaxinv.data.panel import DemandPanel


def known_covariates(panel: DemandPanel, names: Sequence[str], planned: Sequence[str] = ()) -> np.ndarray:
    """[T, W, K, C] of the covariates ``names``, as ``demand.Trace.covariates`` holds them: what is known of each before
    a period's demand. That is its value in the period for those of them that are ``planned`` (holidays, events, a
    forecast of the weather), else that in the period before. Where it is not known, the last value that was; 0 before
    the first one.

    Raises ``ValueError`` for names that the panel does not have, and planned ones that are not among them.
    """
    for what, some, among in (("names", names, [*panel.covariates]), ("planned", planned, [*names])):
        missing = [name for name in some if name not in among]
        if missing:
            raise ValueError(f"known_covariates: {what} must be among {', '.join(among) or 'none'}; got {missing[0]!r}")
    found = np.zeros((*panel.quantity.shape, len(names)), np.float32)
    for i, name in enumerate(names):
        values = panel.covariates[name]
        if name not in planned:
            values = np.concatenate([np.full_like(values[:1], np.nan), values[:-1]])
        last = last_known(values)
        found[..., i] = np.where(last < 0, 0.0, np.take_along_axis(values, np.maximum(last, 0), 0))
    return found
