"""Reading camt.053: the shapes of several banks and versions, made by hand, and what is refused by file and place."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from hypercare.bank_entries import BankEntry, mask_account, read_entry, write_row
from hypercare.errors import ContractError
from hypercare.systems.camt053 import FileRead, read_camt053

SHAPES = Path(__file__).parent / "resources" / "bank"


def shape(name: str) -> str:
    return (SHAPES / f"{name}.xml").read_text(encoding="utf-8")


def read(text: str | bytes) -> FileRead:
    return read_camt053(text.encode() if isinstance(text, str) else text, "a.xml", "d1")


def entries(name: str) -> list[BankEntry]:
    return list(read(shape(name)).entries)


class TestSepaVersion02:
    def test_a_transfer_and_all_that_names_it(self) -> None:
        first = entries("sepa_02")[0]
        assert (first.amount, first.currency, first.is_credit) == (Decimal("100.00"), "EUR", False)
        assert (first.booked_on, first.value_on) == (date(2026, 3, 11), date(2026, 3, 12))
        assert first.payer_references == ("PAY-1", "INSTR-1")
        assert first.bank_references == ("BANK-1",)
        assert first.remittance == "INV-1 of March INV-1 RF18539007547034"
        assert first.transaction_code == "PMNT-ICDT-ESCT"
        assert (first.account, first.place) == (mask_account("DE02100100109307118603"), "Stmt 1 (2026-070), Ntry 1")

    def test_a_batch_is_taken_apart_where_its_payments_come_to_it(self) -> None:
        two, three = entries("sepa_02")[1:3]
        assert [(one.amount, one.payer_references) for one in (two, three)] == [
            (Decimal("200.00"), ("PAY-2",)),
            (Decimal("502.50"), ("PAY-3",)),
        ]
        assert two.batch == three.batch != ""
        assert two.batch_references == ("BATCH-7",)
        assert two.id != three.id

    def test_a_batch_whose_payments_do_not_come_to_it_stays_one_and_says_so(self) -> None:
        found = read(shape("sepa_02").replace('<Amt Ccy="EUR">200.00', '<Amt Ccy="EUR">201.00'))
        whole = found.entries[1]
        assert (whole.amount, whole.payer_references) == (Decimal("702.50"), ("PAY-2", "PAY-3"))
        assert whole.payments_told == 2
        words = "a.xml, Stmt 1 (2026-070), Ntry 2: its payments come to 703.50, the booking to 702.50"
        assert found.warnings == (words,)

    def test_a_reversal_keeps_its_own_direction(self) -> None:
        reversal = entries("sepa_02")[3]
        assert (reversal.is_reversal, reversal.is_credit, reversal.bank_references) == (True, True, ("BANK-1",))

    def test_charges_stand_once_each_and_no_reference_is_none(self) -> None:
        charged = entries("sepa_02")[4]
        assert (charged.charges, charged.payer_references) == (Decimal("1.50"), ())
        assert (charged.remittance, charged.transaction_code) == ("Transfer PAY-4", "own:NTRF+116")

    def test_the_previous_closing_balance_is_the_opening(self) -> None:
        (statement,) = read(shape("sepa_02")).statements
        assert (statement.opening, statement.closing) == (Decimal("5000.00"), Decimal("4197.50"))
        assert (statement.arithmetic, statement.sequence, statement.entries) == ("balanced", 70, 4)
        assert (statement.covered_from, statement.covered_through) == (date(2026, 3, 11), date(2026, 3, 11))


class TestSwissVersion08:
    def test_another_currency_was_ordered_and_charges_are_within(self) -> None:
        first = entries("swiss_08")[0]
        assert (first.amount, first.currency, first.charges) == (Decimal("98.25"), "CHF", Decimal("3.25"))
        assert (first.instructed_amount, first.instructed_currency) == (Decimal("100.00"), "EUR")
        assert first.exchange_rate == Decimal("0.95")
        assert first.booked_on == date(2026, 3, 11)
        assert first.remittance == "INV-10 second line"

    def test_what_is_pending_is_kept_apart_and_counts_in_no_balance(self) -> None:
        pending = entries("swiss_08")[1]
        assert (pending.status, pending.return_reason, pending.booked_on) == ("pending", "AC04", date(2026, 3, 11))
        (statement,) = read(shape("swiss_08")).statements
        assert (statement.opening, statement.arithmetic) == (Decimal("-1000.00"), "balanced")

    def test_a_proprietary_status_is_kept(self) -> None:
        found = read(shape("swiss_08").replace("<Cd>PDNG</Cd>", "<Prtry>HELD</Prtry>"))
        assert found.entries[1].status == "held"

    def test_a_booked_entry_without_a_day_takes_the_statements_and_says_so(self) -> None:
        found = read(re.sub(r"<BookgDt>.*?</BookgDt>", "", shape("swiss_08")))
        assert found.entries[0].booked_on == date(2026, 3, 11)
        assert "Ntry 1: it has no booking date, taken as 2026-03-11" in found.warnings[0]


class TestVersion04:
    def test_a_batch_without_payments_tells_its_names_and_count(self) -> None:
        (batch,) = entries("cash_pool_04")
        assert (batch.amount, batch.payments_told) == (Decimal("600.0"), 6)
        assert batch.batch_references == ("BATCH-9", "FILE-3")
        assert (batch.value_on, batch.payer_references) == (None, ())

    def test_accounts_without_iban_or_currency_and_statements_without_entries(self) -> None:
        first, second = read(shape("cash_pool_04")).statements
        assert (first.currency, second.currency, second.entries) == ("USD", "JPY", 0)
        assert second.opening == second.closing == Decimal(100)

    def test_an_envelope_around_the_document_does_not_matter(self) -> None:
        text = shape("cash_pool_04").partition("?>\n")[2]
        assert read(f"<Envelope><AppHdr/>{text}</Envelope>").entries == read(shape("cash_pool_04")).entries


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ((' Ccy="EUR">702.50', ">702.50"), r"Ntry 2: the amount 702.50 has no currency"),
            (('<Amt Ccy="EUR">702.50</Amt>', ""), r"Ntry 2: it has no amount \(Amt\)"),
            (("702.50", "-702.50"), "Ntry 2: '-702.50' is no amount"),
            (("702.50", "7E2"), "Ntry 2: '7E2' is no amount"),
            (("702.50", "1.123456"), "'1.123456' is no amount"),
            (("<CdtDbtInd>DBIT</CdtDbtInd><Sts>", "<Sts>"), "Ntry 1: CdtDbtInd says ''"),
            (("<Sts>BOOK</Sts>", ""), r"Ntry 1: it has no status"),
            (("2026-03-12</Dt>", "12.03.2026</Dt>"), "Ntry 1: '12.03.2026' is no date"),
            (("<IBAN>DE02100100109307118603</IBAN>", "<IBAN/>"), r"Stmt 1: it has no account"),
            (("camt.053.001.02", "pain.001.001.03"), "it says .urn:iso.*pain.001.001.03."),
        ],
    )
    def test_what_cannot_be_taken_is_named_by_place(self, change: tuple[str, str], words: str) -> None:
        with pytest.raises(ContractError, match=words) as refused:
            read(shape("sepa_02").replace(*change, 1))
        assert str(refused.value).startswith("a.xml: ")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Booking;Amount\n", "is no XML, or cut short"),
            ("<a/>", "is no account statement, it says 'a'"),
            ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type or entities"),
            ("<Document><BkToCstmrAcctRpt/></Document>", r"is a camt.052, .* give the account statement, camt.053"),
            ("<Document><BkToCstmrDbtCdtNtfctn/></Document>", "is a camt.054"),
            ("<Document><BkToCstmrStmt/></Document>", "it holds no statement"),
        ],
    )
    def test_what_is_no_statement(self, text: str, words: str) -> None:
        with pytest.raises(ContractError, match=words):
            read(text)

    def test_a_file_cut_short(self) -> None:
        with pytest.raises(ContractError, match=r"cut short .* fetch it from the bank again"):
            read(shape("sepa_02")[:2000])

    def test_an_entity_bomb_in_another_encoding(self) -> None:
        with pytest.raises(ContractError, match="document type"):
            read('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16"))


def test_sums_that_do_not_agree_are_told() -> None:
    found = read(shape("sepa_02").replace("4197.50", "4197.51"))
    assert found.statements[0].arithmetic == "unbalanced"
    assert "opening 5000.00 and entries of -802.50 do not come to 4197.51" in found.warnings[0]


@pytest.mark.parametrize("name", ["sepa_02", "swiss_08", "cash_pool_04"])
def test_a_row_of_the_feed_holds_the_whole_entry(name: str) -> None:
    for entry in entries(name):
        row = write_row(entry)
        typed = {**row, "amount": Decimal(row["amount"]), "charges": Decimal(row["charges"])}
        typed |= {key: Decimal(row[key]) for key in ("instructed_amount", "exchange_rate") if row[key]}
        assert read_entry(typed) == entry


def test_accounts_are_masked_and_parties_not_kept() -> None:
    text = shape("sepa_02").replace("<RmtInf>", "<RltdPties><Cdtr><Nm>Jane Roe</Nm></Cdtr></RltdPties><RmtInf>", 1)
    told = repr(read(text))
    assert "Jane Roe" not in told
    assert "DE02100100109307118603" not in told
    assert mask_account("de02 1001 0010 9307 1186 03") == mask_account("DE02100100109307118603")
