//! The CSV file.

use std::{
    io::{Read, Write},
    path::Path,
};

use alloy_primitives::{Address, B256, U256};
use clearing_rules::abi::Clearing::Obligation;
use serde::{Deserialize, Serialize};

/// What is wrong with a file of obligations.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Csv {
        /// Which file.
        path: String,
        /// Where and why.
        source: csv::Error,
    },
    /// A line makes no obligation.
    #[error("{path}:{line}: {column} '{value}': {why}")]
    Line {
        /// Which file.
        path: String,
        /// Where, from 1.
        line: u64,
        /// In which column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing in it.
    #[error("{0}: no obligations in it; the header is debtor,creditor,asset,amount,due,reference")]
    Empty(String),
}

/// One line.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who owes.
    pub debtor: Address,
    /// Whom.
    pub creditor: Address,
    /// What: address or symbol of the token.
    pub asset: String,
    /// How much, in the asset's smallest unit.
    pub amount: String,
    /// When, in Unix seconds; nothing: when the cycle closes.
    pub due: Option<u64>,
    /// The debtor's own name for it.
    pub reference: String,
}

/// The token that obligations are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is.
    pub address: Address,
    /// Its symbol.
    pub symbol: String,
    /// Its decimals.
    pub decimals: u8,
}

/// Reads a file into what the engine takes, in the order of the lines.
pub fn read(path: &Path, asset: &Asset) -> Result<Vec<Obligation>, FileError> {
    let name = path.display().to_string();
    let reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_path(path);
    read_from(reader.map_err(|source| FileError::Csv { path: name.clone(), source })?, &name, asset)
}

fn read_from<R: Read>(mut reader: csv::Reader<R>, path: &str, asset: &Asset) -> Result<Vec<Obligation>, FileError> {
    let bad = |source| FileError::Csv { path: path.to_owned(), source };
    let headers = reader.headers().map_err(bad)?.clone();
    let mut obligations = Vec::new();
    for line in reader.records() {
        let line = line.map_err(bad)?;
        let number = line.position().map_or(0, csv::Position::line);
        let record: Record = line.deserialize(Some(&headers)).map_err(bad)?;
        let obligation = obligation(&record, asset).map_err(|(column, value, why)| FileError::Line {
            path: path.to_owned(),
            line: number,
            column,
            value,
            why,
        })?;
        obligations.push(obligation);
    }
    if obligations.is_empty() {
        return Err(FileError::Empty(path.to_owned()));
    }
    Ok(obligations)
}

/// Column, value and what is wrong with it.
type Misfit = (&'static str, String, String);

fn obligation(record: &Record, asset: &Asset) -> Result<Obligation, Misfit> {
    let Record { debtor, creditor, asset: named, amount, due, reference } = record;
    if *named != asset.symbol && named.parse() != Ok(asset.address) {
        let why = format!("this engine clears {} ({}) only", asset.symbol, asset.address);
        return Err(("asset", named.clone(), why));
    }
    let misfit = |why: &str| ("amount", amount.clone(), why.to_owned());
    let digits = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit());
    let units = U256::from_str_radix(amount, 10).ok().filter(|_| digits);
    let units = units.ok_or_else(|| misfit("expected a whole number in the asset's smallest unit, digits only"))?;
    if units.is_zero() {
        return Err(misfit("nothing is owed"));
    }
    let reference = reference_word(reference).ok_or_else(|| {
        ("reference", reference.clone(), "expected 1 to 32 bytes of text, or 0x and 64 hexadecimal digits".to_owned())
    })?;
    let (debtor, creditor, due) = (*debtor, *creditor, due.unwrap_or_default());
    Ok(Obligation { debtor, creditor, asset: asset.address, amount: units, due, referenceId: reference })
}

fn reference_word(text: &str) -> Option<B256> {
    if text.len() == 66 {
        return text.parse().ok();
    }
    (1..=32).contains(&text.len()).then(|| B256::right_padding_from(text.as_bytes()))
}

/// Writes a file that [`read`] reads.
pub fn write(out: impl Write, path: &str, records: &[Record]) -> Result<(), FileError> {
    let bad = |source| FileError::Csv { path: path.to_owned(), source };
    let mut writer = csv::Writer::from_writer(out);
    for record in records {
        writer.serialize(record).map_err(bad)?;
    }
    writer.flush().map_err(|source| bad(source.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd() -> Asset {
        Asset { address: Address::repeat_byte(5), symbol: "tUSD".to_owned(), decimals: 6 }
    }

    fn parse(text: &str) -> Result<Vec<Obligation>, FileError> {
        read_from(csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes()), "f.csv", &usd())
    }

    const HEADER: &str = "debtor,creditor,asset,amount,due,reference";

    fn line(asset: &str, amount: &str, reference: &str) -> String {
        format!("{HEADER}\n{},{},{asset},{amount},,{reference}\n", Address::repeat_byte(1), Address::repeat_byte(2))
    }

    #[test]
    fn lines_become_obligations() {
        let got = &parse(&line("tUSD", "1250500000", "INV-7")).unwrap()[0];
        assert_eq!(got.amount, U256::from(1_250_500_000u64));
        assert_eq!((got.debtor, got.asset, got.due), (Address::repeat_byte(1), usd().address, 0));
        assert!(got.referenceId.starts_with(b"INV-7\0"));
        let word = B256::repeat_byte(7);
        let got = &parse(&line(&usd().address.to_string(), "1", &word.to_string())).unwrap()[0];
        assert_eq!((got.amount, got.referenceId), (U256::from(1), word));
    }

    #[test]
    fn bad_lines_say_where_and_why() {
        for (text, want) in [
            (line("tBTC", "1", "a"), "f.csv:2: asset 'tBTC': this engine clears tUSD"),
            (line("tUSD", "1.50", "a"), "f.csv:2: amount '1.50': expected a whole number in the asset's smallest unit"),
            (line("tUSD", "-5", "a"), "amount '-5'"),
            (line("tUSD", "", "a"), "amount ''"),
            (line("tUSD", "1e9", "a"), "amount '1e9'"),
            (line("tUSD", "0", "a"), "nothing is owed"),
            (line("tUSD", "1", ""), "reference ''"),
            (line("tUSD", "1", &"x".repeat(33)), "expected 1 to 32 bytes"),
            (format!("{HEADER}\n"), "no obligations"),
            (format!("{HEADER}\n0x12,0x34,tUSD,1,,a\n"), "f.csv: CSV deserialize error"),
            ("debtor,creditor\n0x12,0x34\n".to_owned(), "f.csv: CSV deserialize error"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            lines in prop::collection::vec((any::<[u8; 20]>(), 1u64..u64::MAX, "[A-Za-z0-9-]{1,32}", any::<Option<u64>>()), 1..20)
        ) {
            let records: Vec<_> = lines.iter().map(|(debtor, units, reference, due)| Record {
                debtor: (*debtor).into(),
                creditor: Address::repeat_byte(9),
                asset: "tUSD".to_owned(),
                amount: units.to_string(),
                due: *due,
                reference: reference.clone(),
            }).collect();
            let mut file = Vec::new();
            write(&mut file, "f.csv", &records).unwrap();
            let read = parse(std::str::from_utf8(&file).unwrap()).unwrap();
            prop_assert_eq!(read.len(), lines.len());
            for (got, (_, units, _, due)) in read.iter().zip(&lines) {
                prop_assert_eq!((got.amount, got.due), (U256::from(*units), due.unwrap_or_default()));
            }
        }
    }
}
