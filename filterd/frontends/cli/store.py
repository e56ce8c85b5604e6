"""store - `filterd store status|export|import`: is it there, and move what it remembers.

Owns:   the commands; the form of an export: one JSON object a line, the first names the form.
Exit status: 0 done, 1 the store is down (status), 2 usage or a line that cannot be read, 75 store down.
Not here: recorded verdicts and learned labels, which are no state of checks.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

import click

from filterd.frontends.cli.context import (
    EXIT_NO,
    EXIT_OK,
    Context,
    console,
    fail,
    json_option,
    pass_context,
    print_json,
)

if TYPE_CHECKING:
    from filterd.core.stores import StoreRow
    from filterd.store import Stores

FORM = 1
KINDS = {"triplet": 5, "client": 3, "ledger": 1, "bucket": 3, "correspondent": 2, "trap": 1}


@click.group()
def store() -> None:
    """The shared state: greylist, rates, correspondents, traps."""


@store.command()
@json_option
@pass_context
def status(context: Context, as_json: bool) -> int:
    """Write to the store and say how long that took."""
    with _open(context) as stores:
        started = time.perf_counter()
        error = ""
        try:
            stores.state.probe()
        except Exception as failure:  # noqa: BLE001 - whatever the library raises is the answer
            error = f"{type(failure).__name__}: {failure}"
        elapsed = (time.perf_counter() - started) * 1000
        health = asdict(stores.state.health())
    health |= {
        "is_available": not error,
        "last_error": error,
        "milliseconds": round(elapsed, 1),
    }
    if as_json:
        print_json(health, indent=2)
    else:
        said = error or f"answers in {elapsed:.1f} ms"
        console().print(f"{health['kind']} at {health['where']}: {said}", markup=False)
    return EXIT_NO if error else EXIT_OK


@store.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@pass_context
def export_(context: Context, file: TextIO) -> int:
    """Write everything remembered to FILE (or standard output), one JSON object a line."""
    count = 0
    with _open(context) as stores:
        file.write(json.dumps({"filterd_state": FORM}) + "\n")
        for row in stores.state.export_rows():
            file.write(
                json.dumps(
                    {"kind": row.kind, "key": row.key, "values": row.values},
                    ensure_ascii=False,
                    separators=(",", ":"),
                )
                + "\n"
            )
            count += 1
    click.echo(f"{count} rows exported", err=True)
    return EXIT_OK


@store.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
@pass_context
def import_(context: Context, file: TextIO) -> int:
    """Read FILE (or standard input) as written by `export`; rows are written over what is there."""
    with _open(context) as stores:
        count = stores.state.import_rows(read(file))
    click.echo(f"{count} rows imported", err=True)
    return EXIT_OK


def read(lines: Iterable[str]) -> Iterator[StoreRow]:
    """The rows; ends the program with the number of the first line that is none."""
    from filterd.core.stores import StoreRow

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found: Any = json.loads(line)
            if number == 1 and "filterd_state" in found:
                if found["filterd_state"] != FORM:
                    fail(f"line 1: an export of form {found['filterd_state']}, expected {FORM}")
                continue
            values = tuple(float(value) for value in found["values"])
            if len(values) != KINDS[found["kind"]] or not all(map(math.isfinite, values)):
                raise ValueError("wrong number of values")
            if found["kind"] == "ledger":
                int(str(found["key"]).partition(" ")[0])  # "DAY COUNTER"
            yield StoreRow(found["kind"], str(found["key"]), values)
        except (ValueError, KeyError, TypeError) as error:
            fail(f"line {number}: not a row of an export ({error})")


@contextmanager
def _open(context: Context) -> Iterator[Stores]:
    settings = context.settings
    if settings.store.kind == "memory":
        click.echo(
            'filterd: store.kind = "memory" is this process only; there is nothing', err=True
        )
        sys.exit(EXIT_NO)
    stores: Stores = context.app.open_stores(settings)
    try:
        yield stores
    finally:
        stores.close()
