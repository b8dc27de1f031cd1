//! Real hourly prices of bitcoin, from the file of the example.

use serde::Deserialize;

use super::TourError;

/// Hourly candles, 17 January to 9 April 2020.
const FILE: &str = include_str!("../../../../examples/clearing/btcusd-hourly-2020-01-17_2020-04-09.csv");
/// Where it lies in the repository.
pub const PATH: &str = "examples/clearing/btcusd-hourly-2020-01-17_2020-04-09.csv";
/// 12 March 2020, 00:00 UTC, in milliseconds.
const START_MS: u64 = 1_583_971_200_000;
const HOUR_MS: u64 = 3_600_000;
/// 12 and 13 March.
const HOURS: u64 = 48;

/// The price at the end of one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// `12 March 10:00`, when the hour began, UTC.
    pub label: String,
    /// Cents of a US dollar for one bitcoin.
    pub cents: u64,
}

impl Hour {
    /// The price in units of a token with `decimals` decimals, two at least.
    pub fn units(&self, decimals: u8) -> u64 {
        self.cents * 10u64.pow(u32::from(decimals.saturating_sub(2)))
    }
}

#[derive(Deserialize)]
struct Candle {
    timestamp_ms: u64,
    close_usd: String,
}

/// The 48 hours of 12 and 13 March 2020, by their closing prices.
pub fn crash() -> Result<Vec<Hour>, TourError> {
    let bad = |why: String| TourError::Data { path: PATH.to_owned(), why };
    let mut hours = Vec::new();
    for candle in csv::Reader::from_reader(FILE.as_bytes()).deserialize() {
        let candle: Candle = candle.map_err(|error| bad(error.to_string()))?;
        let Some(hour) = candle.timestamp_ms.checked_sub(START_MS).map(|since| since / HOUR_MS) else { continue };
        if hour < HOURS {
            let cents = cents(&candle.close_usd).ok_or_else(|| bad(format!("'{}' is no price", candle.close_usd)))?;
            hours.push(Hour { label: format!("{} March {:02}:00", 12 + hour / 24, hour % 24), cents });
        }
    }
    if hours.len() as u64 != HOURS {
        return Err(bad(format!("{} of the {HOURS} hours of 12 and 13 March 2020", hours.len())));
    }
    Ok(hours)
}

/// Cents of a price with at most two decimals.
fn cents(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = match fraction.len() {
        0 => 0,
        1 => fraction.parse::<u64>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crash_is_in_the_file() {
        let hours = crash().unwrap();
        assert_eq!(hours[0], Hour { label: "12 March 00:00".into(), cents: 792_379 });
        assert_eq!(hours[10], Hour { label: "12 March 10:00".into(), cents: 609_244 });
        let lowest = hours.iter().min_by_key(|hour| hour.cents).unwrap();
        assert_eq!((lowest.label.as_str(), lowest.cents), ("13 March 01:00", 416_000));
        assert_eq!(hours[0].units(6), 7_923_790_000);
    }

    #[test]
    fn prices_are_exact() {
        for (text, want) in [
            ("5467.65", Some(546_765)),
            ("4160", Some(416_000)),
            ("7961.5", Some(796_150)),
            ("1.234", None),
            ("x", None),
        ] {
            assert_eq!(cents(text), want, "{text}");
        }
    }
}
