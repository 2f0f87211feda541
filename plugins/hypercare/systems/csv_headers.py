"""Which row of a flat file is a header row, of which type of rows, and in which cells it has what the mapping names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hypercare.contracts import Contract, ListOf, Record
from hypercare.errors import ContractError
from hypercare.systems.csv_mapping import UPDATED_AT, CsvColumn, CsvRecord, find_node, normalise, normalise_type
from hypercare.systems.csv_table import CsvRow

WHAT_TO_DO = "was it renamed or taken out of the export? Name it in the mapping, or have it put back"
TYPE_HEADERS = frozenset({"type", "recordtype"})


@dataclass(frozen=True)
class RowType:
    """One type of row of the feed: the mapping's and the contract's side of it."""

    name: str
    """The wire path of its list; empty for the feed's own record."""
    table: str
    """The name of its nested table; empty for the feed's own record."""
    mapped: CsvRecord
    shape: Record
    children: tuple[RowType, ...]

    def walk(self) -> Iterator[RowType]:
        """Yield this type and those nested in it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class HeaderRow:
    """Where a file has the values of one type of row."""

    node: RowType
    row: CsvRow
    places: Mapping[str, tuple[int, ...]]
    """Wire path to the cells that hold it, several where they are joined."""
    parent: int | None

    @property
    def width(self) -> int:
        """How many cells each row of this type has at least."""
        return self.row.filled


def build_row_type(
    name: str, table: str, mapped: CsvRecord, shape: Record, contract: Contract, path: str = ""
) -> RowType:
    """Return a feed's types of rows as a tree; `name`, `table` and `path` are those of a nested one."""
    children = []
    for list_name, nested in mapped.lists.items():
        node, here = find_node(shape, list_name), f"{path}{list_name}"
        assert isinstance(node, ListOf), "the mapping was checked against the contract"
        children.append(build_row_type(list_name, contract.tables[here], nested, node.record, contract, f"{here}."))
    return RowType(name, table, mapped, shape, tuple(children))


def list_headers(record: CsvRecord) -> Iterator[str]:
    """Yield every header that the mapping knows for a type of rows, nested ones left out."""
    for column in (*record.columns.values(), *([record.parent] if record.parent else [])):
        yield from (*column.headers, *column.join)


def is_typed(first: CsvRow, root: RowType) -> bool:
    """Tell by its first row whether each row of a file says in its first cell of which type it is."""
    word = first.cells[0].strip()
    known = {normalise_type(name) for node in root.walk() for name in node.mapped.types}
    return normalise(word) in TYPE_HEADERS or normalise_type(word) in known


def _index(row: CsvRow) -> dict[str, int]:
    """Return where each header stands; the second of a name is `name#2`."""
    found: dict[str, int] = {}
    for place, cell in enumerate(row.cells):
        name, count = normalise(cell), 1
        while name and (key := name if count == 1 else f"{name}#{count}") in found:
            count += 1
        if name:
            found[key] = place
    return found


def _locate(
    column: CsvColumn, index: Mapping[str, int], prefix: str = "", taken: frozenset[int] = frozenset()
) -> tuple[int, ...]:
    """Return the cells of a column; none where the header row does not name it (all of them, for a joined one)."""
    if column.join:
        places = [_locate(CsvColumn(headers=(name,)), index, prefix, taken) for name in column.join]
        return tuple(place for found in places for place in found) if all(places) else ()
    for header in column.headers:
        for name in ([normalise(prefix + header)] if prefix else []) + [normalise(header)]:
            place = index.get(name)
            if place is not None and (place not in taken or name != normalise(header)):
                return (place,)
    return ()


def _bind(node: RowType, row: CsvRow, prefix: str = "", taken: frozenset[int] = frozenset()) -> HeaderRow | None:
    """Return a header row as one of this type; None where it lacks what tells the type."""
    index = _index(row)
    places = {path: _locate(column, index, prefix, taken) for path, column in node.mapped.columns.items()}
    parent = _locate(node.mapped.parent, index) if node.mapped.parent else ()
    if any(not places[path] for path in node.mapped.key):
        return None
    if not prefix and node.mapped.parent and not parent:
        return None
    return HeaderRow(node, row, {path: at for path, at in places.items() if at}, parent[0] if parent else None)


def find_headers(root: RowType, rows: Sequence[CsvRow], what: str) -> tuple[dict[str, HeaderRow], list[CsvRow]]:
    """Return the header row of each type by its table's name, and the rows that are none."""
    nodes = list(root.walk())
    candidates: dict[str, list[HeaderRow]] = {}
    data = []
    for number, row in enumerate(rows):
        if number and not _is_header(row, nodes):
            data.append(row)
            continue
        for node in nodes:
            word = normalise_type(row.cells[0])
            if word not in TYPE_HEADERS and word not in map(normalise_type, node.mapped.types):
                continue
            bound = _bind(node, row)
            if bound is not None:
                candidates.setdefault(node.table, []).append(bound)
    headers = {table: _choose(found, what) for table, found in candidates.items()}
    if "" not in headers:
        msg = f"{what}: {_explain_lack(root, rows[0])}"
        raise ContractError(msg)
    _require_columns(headers, what)
    return headers, data


def _is_header(row: CsvRow, nodes: Sequence[RowType]) -> bool:
    """Tell a header row: its first cell says so, or is a type's name and the rest names that type's key."""
    word = row.cells[0]
    if normalise(word) in TYPE_HEADERS:
        return True
    named = [node for node in nodes if normalise_type(word) in map(normalise_type, node.mapped.types)]
    return any(_bind(node, row) is not None for node in named)


def _choose(found: Sequence[HeaderRow], what: str) -> HeaderRow:
    """Return the header row that names most columns of its type; several types may share a few."""
    best = max(found, key=lambda header: len(header.places))
    rivals = [header for header in found if len(header.places) == len(best.places) and header.row is not best.row]
    if rivals:
        name = best.node.name or "the records"
        msg = (
            f"{what}: lines {best.row.line} and {rivals[0].row.line} may both be the header row of {name}; "
            "name in the mapping a column that only one of them has"
        )
        raise ContractError(msg)
    return best


def _require_columns(headers: Mapping[str, HeaderRow], what: str) -> None:
    """Refuse a file without a mapped column or type of rows, unless the mapping says that it may lack."""
    for header in headers.values():
        node, where = header.node, f"{what}, line {header.row.line}"
        for path, column in node.mapped.columns.items():
            if path in header.places or path in node.mapped.may_lack or path == UPDATED_AT:
                continue
            wanted = " or ".join(repr(name) for name in column.headers or column.join)
            msg = f"{where}: no column {wanted}, which holds {path}; {WHAT_TO_DO}"
            raise ContractError(msg)
        for child in node.children:
            if child.table not in headers and child.name not in node.mapped.may_lack:
                types = " or ".join(child.mapped.types) or child.name
                msg = f"{where}: no header row of the type {types}, which holds {child.name}; {WHAT_TO_DO}"
                raise ContractError(msg)


def _explain_lack(node: RowType, row: CsvRow) -> str:
    index = _index(row)
    lacking = [
        " or ".join(repr(name) for name in node.mapped.columns[path].headers or node.mapped.columns[path].join)
        for path in node.mapped.key
        if not _locate(node.mapped.columns[path], index)
    ]
    return f"no header row names {' and '.join(lacking) or 'this record'}; {WHAT_TO_DO}"


def find_single_header(root: RowType, row: CsvRow, what: str) -> dict[str, HeaderRow]:
    """Return the one header row as that of the record, and of each nested record whose key it names as well."""
    own = _bind(root, row)
    if own is None:
        msg = f"{what}: {_explain_lack(root, row)}"
        raise ContractError(msg)
    headers = {"": own}
    taken = frozenset(place for places in own.places.values() for place in places)
    for node in root.walk():
        if node.mapped.prefix:
            nested = _bind(node, row, node.mapped.prefix, taken)
            if nested is not None:
                headers[node.table] = nested
    _require_columns(headers, what)
    return headers


def find_missing(root: RowType, headers: Mapping[str, HeaderRow]) -> dict[str, str]:
    """Return the mapped columns and nested tables that this file does not have."""
    missing: dict[str, str] = {}
    for node in root.walk():
        header = headers.get(node.table)
        if header is None:
            missing[node.table] = "the flat files have no such rows"
            continue
        for path, column in node.mapped.columns.items():
            if path not in header.places and path != UPDATED_AT:
                name = path.replace("-", "_").replace(".", "_")
                part = f"{node.table}.{name}" if node.table else name
                missing[part] = f"the flat files have no column {' or '.join(column.headers or column.join)}"
    return missing
