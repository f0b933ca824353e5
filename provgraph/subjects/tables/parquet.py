"""Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provgraph.subjects.tables import BATCH, Goes, TableError, missing, no_column, text_of


def identifiers(path: Path, column: str, table: str) -> Iterator[list[str]]:
    file = _opened(path, column)
    with file:
        for batch in file.iter_batches(batch_size=BATCH, columns=[column]):
            yield [text for value in batch.column(0).to_pylist() if (text := text_of(value))]


def without(path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
    import pyarrow as arrow
    from pyarrow import parquet

    file, gone = _opened(path, column), 0
    with file, parquet.ParquetWriter(target, file.schema_arrow, **_style(file)) as out:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            values = [text_of(value) for value in rows.column(column).to_pylist()]
            kept = [not (text and goes(text)) for text in values]
            gone += len(kept) - sum(kept)
            out.write_table(rows.filter(arrow.array(kept, arrow.bool_())), row_group_size=len(kept))
    return gone


def _style(file: Any) -> dict[str, Any]:
    """How the file was compressed, so that it stays so."""
    if not file.num_row_groups or not file.metadata.num_columns:
        return {}
    return {"compression": file.metadata.row_group(0).column(0).compression.lower()}


def _opened(path: Path, column: str) -> Any:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise missing("pyarrow", path) from None
    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise TableError(f"{path.name} cannot be read as Parquet: {error}") from error
    if column not in file.schema_arrow.names:
        names = list(file.schema_arrow.names)
        file.close()
        raise no_column(path, column, names)
    return file
