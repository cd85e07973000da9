"""A panel's demand cut by date: to train on, to choose with and to test on."""

import numpy as np

from jaxinv.data.panel import Date, DemandPanel, to_day
from jaxinv.demand import Trace


def replay_windows(
    panel: DemandPanel, *, validation: Date, test: Date, length: int, history: int = 28
) -> dict[str, Trace]:
    """Replays [K] of a panel's demand, of all its locations together, named "train", "validation" and "test".

    Episodes of ``length`` periods, which is to be their ``max_steps_in_episode``, begin in a period drawn at reset and
    stay within their dates: those before ``validation``, those from there and before ``test``, and those from ``test``
    on. The first ``history`` periods are only looked back on. The three share their arrays; parameters of an
    environment for one become those for another by ``params.replace(demand=...)``, with the same scales and costs.
    Scales and initial stocks that ``make_params`` is not given follow from the mean over all dates.

    Raises ``ValueError`` where a part is shorter than an episode, and for dates that are out of order.
    """
    if history < 1:
        raise ValueError(f"replay_windows: history must be at least 1, got {history}")
    bounds = [history, *(int(np.searchsorted(panel.dates, to_day(date))) for date in (validation, test))]
    bounds.append(len(panel.dates))
    windows = {}
    for name, begin, end in zip(("train", "validation", "test"), bounds[:-1], bounds[1:], strict=True):
        if not 1 <= length <= end - begin:
            raise ValueError(f"replay_windows: {name} has {max(end - begin, 0)} periods, too few for length {length}")
        windows[name] = (begin, end - length)
    first, last = windows["train"]
    replay = Trace(quantity=panel.quantity.sum(1), start_day=panel.start_day, first=first, last=last)  # type: ignore
    return {name: replay.replace(first=first, last=last) for name, (first, last) in windows.items()}  # type: ignore
