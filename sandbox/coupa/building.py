"""Turns Python values into full bodies as they go over the wire: every attribute present, unset ones null."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from sandbox.coupa.schema import CUSTOM_FIELDS, entities

Body = dict[str, Any]

ZERO = Decimal(0)
ONE = Decimal(1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
CURRENCY_IDS = {"USD": 1, "EUR": 2, "GBP": 3, "CHF": 4, "JPY": 5, "KWD": 6, "CAD": 7, "AUD": 8, "SGD": 9, "INR": 10}
_DECIMALS = {"BHD": 3, "CLP": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}
# Decimals that are not amounts of money: their scale is their own, not the currency's.
_NOT_MONEY = frozenset(
    {
        "discount-rate",
        "exchange-rate",
        "invoiced",
        "payment-tolerance",
        "price",
        "quantity",
        "received",
        "savings-pct",
        "tax-rate",
        "total-invoiced",
        "unit-price",
        "voided-value",
    }
)


def decimals_of(currency: str) -> int:
    """Return how many decimals amounts in this currency (ISO 4217 code) have."""
    return _DECIMALS.get(currency, 2)


def write_amount(amount: Decimal | int, currency: str) -> str:
    """Write an amount with the currency's decimals. Raises ValueError where that would round it."""
    written = Decimal(amount).quantize(Decimal(1).scaleb(-decimals_of(currency)))
    if written != amount:
        msg = f"{amount} has more decimals than {currency} has; pass text to send it as it is"
        raise ValueError(msg)
    return str(written)


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """Round a computed amount half up to the currency's decimals, as a line's total is."""
    return amount.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP)


def write_instant(instant: datetime | date, zone: tzinfo) -> str:
    """Write an instant as ISO 8601 with the zone's offset; a date is midnight in that zone.

    Raises ValueError for a naive instant.
    """
    if not isinstance(instant, datetime):
        instant = datetime.combine(instant, time(), zone)
    if instant.tzinfo is None:
        msg = f"an instant needs a time zone: {instant.isoformat()}"
        raise ValueError(msg)
    return instant.astimezone(zone).isoformat(timespec="seconds")


def build(entity_name: str, values: Body, *, zone: tzinfo = UTC, currency: str = "USD") -> Body:
    """Build a full body of the entity from values by attribute name (underscores or hyphens).

    Instants and dates are written in `zone`, Decimals as text (money with the decimals of `currency`), other values
    are kept; attributes not given are null, collections empty. Raises ValueError for an unknown attribute.
    """
    kinds = entities()[entity_name].kinds
    body = dict(_template(entity_name))
    body.update((attribute, []) for attribute in entities()[entity_name].many)
    for name, value in values.items():
        attribute = name.replace("_", "-")
        if attribute not in body and attribute != CUSTOM_FIELDS:
            msg = f"{entity_name} has no attribute {attribute}"
            raise ValueError(msg)
        body[attribute] = _written(attribute, kinds.get(attribute), value, zone, currency)
    return body


def record(
    entity_name: str, created_at: datetime, zone: tzinfo, values: Body, more: Body, *, currency: str = "USD"
) -> Body:
    """Build a body with the attributes that every record has: timestamps, users, and its currency where it has one.

    `more` wins over `values`, and both over those.
    """
    author = user_stub(1)
    common: Body = {"created_at": created_at, "updated_at": created_at, "created_by": author, "updated_by": author}
    if "currency" in entities()[entity_name].one:
        common["currency"] = currency_stub(currency)
    return build(entity_name, {**common, **values, **more}, zone=zone, currency=currency)


@cache
def _template(entity_name: str) -> Body:
    entity = entities()[entity_name]
    return dict.fromkeys([*entity.kinds, *entity.one])


def _written(attribute: str, kind: str | None, value: Any, zone: tzinfo, currency: str) -> Any:  # noqa: ANN401
    if isinstance(value, date) and kind == "date":
        return value.isoformat()[:10]
    if isinstance(value, date):
        return write_instant(value, zone)
    if kind == "decimal" and isinstance(value, Decimal | int):
        return str(value) if attribute in _NOT_MONEY else write_amount(value, currency)
    return value


def currency_stub(code: str) -> Body:
    """Build the object that stands for a currency: id, code, decimals."""
    return {"id": CURRENCY_IDS.get(code, 99), "code": code, "decimals": decimals_of(code)}


def user_stub(id: int, firstname: str = "Demo", lastname: str | None = None) -> Body:
    """Build the object that stands for a person in other objects; the mail address lies in example.com."""
    lastname = lastname or f"User{id}"
    login = f"{firstname}.{lastname}".lower()
    return {
        "id": id,
        "login": login,
        "email": f"{login}@example.com",
        "employee-number": f"E{id:05d}",
        "firstname": firstname,
        "lastname": lastname,
        "fullname": f"{firstname} {lastname}",
    }


def supplier_stub(id: int, name: str | None = None, number: str | None = None) -> Body:
    """Build the object that stands for a supplier in other objects."""
    name = name or f"Supplier {id}"
    return {"id": id, "name": name, "display-name": name, "number": number or f"S{id:05d}"}


def legal_entity(id: int, name: str, legal_entity_name: str | None = None, currency: str = "USD") -> Body:
    """Build an account type (a chart of accounts), which is how documents name the legal entity they belong to."""
    return {
        "id": id,
        "name": name,
        "legal-entity-name": legal_entity_name or name,
        "active": True,
        "currency": currency_stub(currency),
    }


def payment_term_stub(id: int = 1, code: str = "Net 30", days: int = 30) -> Body:
    """Build the object that stands for payment terms."""
    return {"id": id, "code": code, "days-for-net-payment": days, "days-for-discount-payment": None}
