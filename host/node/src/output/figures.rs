//! Figures as people read them.

use std::time::Duration;

use alloy_primitives::U256;

/// `1,234,567`.
pub fn count(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount of a token: `1,234.50` for 1234500000 units of 6 decimals. Every digit that counts is kept.
pub fn decimal(units: U256, decimals: u8) -> String {
    let unit = U256::from(10).pow(U256::from(decimals));
    let (whole, rest) = units.div_rem(unit);
    let fraction = format!("{rest:0>width$}", width = usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    if rest.is_zero() { count(whole) } else { format!("{}.{fraction:0<2}", count(whole)) }
}

/// `0.25 s`, `12.3 s`, `1 min 05 s`.
pub fn duration(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        _ if s < 10.0 => format!("{s:.2} s"),
        _ if s < 60.0 => format!("{s:.1} s"),
        _ => format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// `17 B`, `4.2 kB`, `1.9 MB`: powers of a thousand.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// How much smaller `after` is than `before`: `92.4 %`. Nothing is not smaller than nothing.
pub fn ratio(before: U256, after: U256) -> String {
    if before.is_zero() {
        return "0.0 %".to_owned();
    }
    // Per mille first, so that the division stays in integers.
    let left = (after.saturating_mul(U256::from(1000)) / before).saturating_to::<u64>();
    format!("{:.1} %", (1000 - left.min(1000)) as f64 / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn amounts_keep_every_digit() {
        for (units, decimals, text) in [
            (0u64, 6, "0"),
            (1_500_000, 6, "1.50"),
            (1, 6, "0.000001"),
            (1_234_567_890_000, 6, "1,234,567.89"),
            (5, 0, "5"),
        ] {
            assert_eq!(decimal(U256::from(units), decimals), text);
        }
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(duration(Duration::from_millis(250)), "0.25 s");
        assert_eq!(duration(Duration::from_secs(65)), "1 min 05 s");
        assert_eq!(bytes(1_900_000), "1.9 MB");
        assert_eq!(ratio(U256::from(1000), U256::from(76)), "92.4 %");
        assert_eq!(ratio(U256::ZERO, U256::ZERO), "0.0 %");
    }
}
