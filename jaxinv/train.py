"""The host loop: a learner's ``update`` in compiled chunks, with progress, metrics, checkpoints and resume.

Between chunks control is on the host, so nothing inside the compiled loop calls back. ``fit`` and ``algo.train``
run the same ``update`` and give the same states.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax import Array
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxinv import sharding


class Algorithm(Protocol):
    """What :func:`fit` needs of a learner: a pytree with these methods."""

    num_updates: int

    @property
    def steps_per_update(self) -> int: ...
    def init(self, key: Array, env_params: Any) -> Any: ...
    def update(self, state: Any, env_params: Any) -> tuple[Any, dict[str, Array]]: ...
    def policy(self, state: Any) -> Any: ...


@dataclasses.dataclass
class FitResult:
    """With several seeds every leaf of the states, and the scores, have a leading axis of seeds."""

    state: Any  # after the last update
    best_state: Any  # with the lowest score; the last one where nothing was evaluated
    best_score: Any  # float or [num_seeds]; None where nothing was evaluated
    history: list[dict]  # a row per update: what metrics.jsonl holds
    compile_seconds: float
    wall_seconds: float  # of the whole call, compilation included
    steps_per_second: float  # of environment steps over all seeds, in the compiled chunks


def fit(
    algo: Algorithm,
    env_params: Any,
    key: Array,
    *,
    num_updates: int | None = None,
    chunk: int = 10,
    num_seeds: int = 1,
    directory: str | Path | None = None,
    resume: bool = False,
    evaluate: Callable[[Any], Any] | None = None,
    patience: int | None = None,
    progress: bool = True,
) -> FitResult:
    """Train ``algo`` for ``num_updates`` iterations (default: the number its schedules are made for).

    ``chunk`` updates are compiled into one program; a shorter last chunk is compiled apart. With ``num_seeds`` > 1
    as many learners train at once, from the keys ``split(key, num_seeds)``. After each chunk ``evaluate`` maps the
    policy (each seed's) to a cost, best on paths that never change; the state of the lowest is kept. Training ends
    early after ``patience`` chunks in which no seed's cost fell below its lowest.

    ``directory`` receives ``metrics.jsonl`` (a line per update), ``settings.json`` and, after each chunk, a
    checkpoint. With ``resume`` a run continues from there exactly as if it had not been interrupted; where there
    is nothing yet, it starts. Ctrl-C ends training after the running chunk, checkpointed; a second one at once.

    Within ``jaxinv.sharding.over(devices)`` training uses several devices: whole seeds are divided among them where
    ``num_seeds`` is a multiple of their number, otherwise the environments of each. A run may be resumed on others.

    Raises:
        FileExistsError: ``directory`` holds a run and ``resume`` is not set.
        ValueError: the run to resume had another configuration, or the environments cannot be divided.
        FloatingPointError: a metric is not finite. The last checkpoint is that of the chunk before.
    """
    total = algo.num_updates if num_updates is None else num_updates
    for name, value in (("num_updates", total), ("chunk", chunk), ("num_seeds", num_seeds)):
        if value < 1:
            raise ValueError(f"fit: {name} must be at least 1, got {value}")
    if patience is not None and (patience < 1 or evaluate is None):
        raise ValueError(f"fit: patience must be at least 1, and needs evaluate; got {patience}, {evaluate}")
    if total > algo.num_updates:
        raise ValueError(f"fit: num_updates must be <= algo.num_updates = {algo.num_updates}, got {total}")
    started = time.perf_counter()
    settings = describe("algo", algo) | describe("env_params", env_params) | describe("key", jax.random.key_data(key))
    settings |= describe("num_seeds", num_seeds) | describe("evaluated", evaluate is not None)
    run = _Run(directory, settings, resume)

    seeds = () if num_seeds == 1 else (num_seeds,)
    if seeds:
        key = jax.random.split(key, num_seeds)

    def scores(state: Any) -> np.ndarray:
        lanes = [jax.tree.map(lambda x, i=i: x[i], state) for i in range(num_seeds)] if seeds else [state]
        return np.reshape([float(evaluate(algo.policy(lane))) for lane in lanes], seeds)  # type: ignore[misc]

    compile_seconds = chunk_seconds = 0.0
    with run, _deferred_interrupt() as interrupted, _Bar(total, shown=progress) as bar:
        like = sharding.placed(jax.eval_shape(_starter(seeds), algo, key, env_params), num_seeds)
        saved = run.restore(like, evaluate is not None)
        if saved is None:
            program, compile_seconds = compiled(_starter(seeds), algo, key, env_params)
            state = program(algo, key, env_params)
            best_state = None if evaluate is None else jax.tree.map(jnp.copy, state)
            best_score, history = np.full(seeds, np.inf), []
        else:
            state, best_state, best_score, history = saved
        done = first = len(history)

        while done < total and not interrupted() and not _stalled(history, patience):
            length = min(chunk, total - done)
            program, seconds = compiled(_chunk(seeds, length), algo, state, env_params, donate_argnums=1)
            compile_seconds += seconds
            before = time.perf_counter()
            state, metrics = program(algo, state, env_params)
            metrics = jax.device_get(metrics)
            seconds = time.perf_counter() - before
            chunk_seconds += seconds

            rows = _rows(metrics, done, algo.steps_per_update)
            done += length
            if evaluate is not None:
                score = scores(state)
                better = score < best_score
                best_state, best_score = _where(better, state, best_state), np.where(better, score, best_score)
                rows[-1]["score"] = score.tolist()
            history += rows
            run.save(state, best_state, best_score, rows, done)
            bar.show(done, num_seeds * length * algo.steps_per_update / seconds, -np.mean(metrics["reward"]))

        if interrupted():
            raise KeyboardInterrupt(f"training stopped after update {done}")

    return FitResult(
        state=state,
        best_state=state if best_state is None else best_state,
        best_score=None if evaluate is None else best_score[()],
        history=history,
        compile_seconds=compile_seconds,
        wall_seconds=time.perf_counter() - started,
        steps_per_second=num_seeds * (done - first) * algo.steps_per_update / max(chunk_seconds, 1e-9),
    )


def compiled(function: Callable, *args: Any, donate_argnums: int | tuple[int, ...] = ()) -> tuple[Callable, float]:
    """(``function`` compiled for arguments like ``args``, seconds that took). All training is compiled here.

    As with ``jax.jit``, what was compiled before is used again: learners that differ in numbers only share programs.
    """
    leaves, structure = jax.tree.flatten(args)
    signature = function, donate_argnums, structure, tuple(jax.typeof(leaf) for leaf in leaves), sharding.mesh()
    before = time.perf_counter()
    if signature not in _programs:
        lowered = jax.jit(function, donate_argnums=donate_argnums).lower(*args)
        _programs[signature] = lowered.compile()
    return _programs[signature], time.perf_counter() - before


_programs: dict[tuple, Callable] = {}


# The learner is an argument of what is compiled, so that its numbers are not baked in.


@functools.cache
def _starter(seeds: tuple[int, ...]) -> Callable:
    def start(algo, key, env_params):
        return sharding.divide_state(algo.init(key, env_params))

    return sharding.over_seeds(start) if seeds else start


@functools.cache
def _chunk(seeds: tuple[int, ...], length: int) -> Callable:
    def advance(algo, state, env_params):
        def update(state, _):
            state, metrics = algo.update(state, env_params)
            return sharding.divide_state(state), metrics

        return jax.lax.scan(update, state, length=length)

    return sharding.over_seeds(advance, out_axes=(0, 1)) if seeds else advance


def describe(name: str, value: Any) -> dict[str, str]:
    """A flat account of a configuration, static fields included: path -> value, or a digest of a large array."""
    if dataclasses.is_dataclass(value):
        children = {f".{field.name}": getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, dict):
        children = {f"[{key!r}]": child for key, child in value.items()}
    elif isinstance(value, list | tuple):
        children = {f"[{i}]": child for i, child in enumerate(value)}
    elif isinstance(value, jax.Array | np.ndarray):
        array = np.asarray(value)
        short = array.size <= 16
        return {name: repr(array.tolist()) if short else f"{array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"}
    else:
        return {name: repr(value)}
    return {path: text for tail, child in children.items() for path, text in describe(name + tail, child).items()}


class _Run:
    """What a run keeps on disk; nothing where ``directory`` is None."""

    FILES = ("settings.json", "metrics.jsonl", "checkpoints")

    def __init__(self, directory: str | Path | None, settings: dict[str, str], resume: bool):
        self.directory = None if directory is None else Path(directory).absolute()
        if self.directory is None:
            return
        self.settings, self.metrics, checkpoints = (self.directory / name for name in self.FILES)
        if self.settings.exists() or checkpoints.exists():
            if not resume:
                raise FileExistsError(f"{directory} holds a run: resume it, or choose another directory")
            _check_same(json.loads(self.settings.read_text()), settings)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(json.dumps(settings, indent=1) + "\n")
        # One checkpoint: the next is complete before this one is deleted.
        options = ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False)
        self.checkpoints = ocp.CheckpointManager(checkpoints, options=options)

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *_: Any) -> None:
        if self.directory is not None:
            self.checkpoints.close()

    def restore(self, like: Any, evaluated: bool) -> tuple[Any, Any, np.ndarray, list[dict]] | None:
        """(state, best state, best score, history) of the last checkpoint, or None; ``like`` is a state's shape.
        Metrics recorded after it are dropped."""
        if self.directory is None:
            return None
        step = self.checkpoints.latest_step()
        lines = self.metrics.read_text().splitlines()[:step] if step else []
        self.metrics.write_text("".join(line + "\n" for line in lines))
        if step is None:
            return None
        stored = ocp.args.StandardRestore(_storable(like))
        items: dict[str, Any] = {"state": stored, "best_score": ocp.args.JsonRestore()}
        if evaluated:
            items["best_state"] = stored
        saved = self.checkpoints.restore(step, args=ocp.args.Composite(**items))
        state, best_state = (
            None if saved.get(name) is None else _unstored(like, saved[name]) for name in ("state", "best_state")
        )
        return state, best_state, np.array(saved["best_score"]), [json.loads(x) for x in lines]

    def save(self, state: Any, best_state: Any, best_score: np.ndarray, rows: list[dict], done: int) -> None:
        """Append ``rows`` to the metrics and checkpoint the state after ``done`` updates."""
        if self.directory is None:
            return
        with self.metrics.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        items: dict[str, Any] = {
            "state": ocp.args.StandardSave(_storable(state)),
            "best_score": ocp.args.JsonSave(best_score.tolist()),
        }
        if best_state is not None:
            items["best_state"] = ocp.args.StandardSave(_storable(best_state))
        self.checkpoints.save(done, args=ocp.args.Composite(**items))


# Orbax refuses arrays without entries, such as the pipeline of a problem whose orders arrive at once: a number stands
# for them on disk. It also takes parts of a tree that have no leaves for leaves: it gets a flat dictionary.


def _storable(tree: Any) -> dict[str, Any]:
    def stand_in(x: Any) -> Any:
        return jax.ShapeDtypeStruct((1,), x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else jnp.zeros(1, x.dtype)

    return {jax.tree_util.keystr(path): x if x.size else stand_in(x) for path, x in jax.tree.leaves_with_path(tree)}


def _unstored(like: Any, saved: dict[str, Array]) -> Any:
    def leaf(path: Any, x: Any) -> Array:
        return saved[jax.tree_util.keystr(path)] if x.size else jnp.zeros(x.shape, x.dtype)

    return jax.tree.unflatten(jax.tree.structure(like), [leaf(*each) for each in jax.tree.leaves_with_path(like)])


def _check_same(saved: dict[str, str], now: dict[str, str]) -> None:
    differences = [
        f"{name} was {saved.get(name, 'absent')}, is {now.get(name, 'absent')}"
        for name in sorted(saved.keys() | now.keys())
        if saved.get(name) != now.get(name)
    ]
    if differences:
        raise ValueError("the run to resume had another configuration: " + "; ".join(differences))


def _rows(metrics: dict[str, np.ndarray], done: int, steps_per_update: int) -> list[dict]:
    """A row per update of metrics [updates] or [updates, seeds]; raises at the first that is not finite."""
    names = sorted(metrics)
    rows = []
    for i in range(len(metrics[names[0]])):
        update = done + i + 1
        for name in names:
            if not np.isfinite(metrics[name][i]).all():
                raise FloatingPointError(
                    f"metric {name!r} is {metrics[name][i]} at update {update}; the last state before is that after "
                    f"update {done}"
                )
        rows.append({"update": update, "steps": update * steps_per_update})
        rows[-1] |= {name: metrics[name][i].tolist() for name in names}
    return rows


def _stalled(history: list[dict], patience: int | None) -> bool:
    """Whether no seed has been better than before in the last ``patience`` scores."""
    scores = [row["score"] for row in history if "score" in row]
    if patience is None or not scores:
        return False
    return len(scores) - 1 - int(np.max(np.argmin(scores, 0))) >= patience


def _where(better: np.ndarray, new: Any, old: Any) -> Any:
    """Tree of ``new`` where a seed (or, [], the only one) is better, else of ``old``."""

    def choose(new, old):
        return jnp.where(better.reshape(better.shape + (1,) * (new.ndim - better.ndim)), new, old)

    return jax.tree.map(choose, new, old)


@contextlib.contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C only raises a flag, which the loop reads between chunks; a second one interrupts as usual."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # where signals do not arrive
        yield pressed.is_set
        return
    usual = signal.getsignal(signal.SIGINT)

    def note(*_: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, usual)


class _Bar(Progress):
    def __init__(self, total: int, shown: bool):
        super().__init__(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]} steps/s  cost {task.fields[cost]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not shown,
        )
        self.task = self.add_task("", total=total, speed="-", cost="-")

    def show(self, done: int, steps_per_second: float, cost: float) -> None:
        self.update(self.task, completed=done, speed=f"{steps_per_second:.2g}", cost=f"{cost:.4g}")
