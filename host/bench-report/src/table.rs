//! Rows as an aligned table for people.

use crate::report::Row;

const HEADER: [&str; 7] = ["", "samples", "median", "p99", "ratio", "peer", "peer median"];

/// One line per row, words to the left and figures to the right. Columns of peers are left out when no row has one.
pub(crate) fn render(rows: &[Row]) -> String {
    let columns = if rows.iter().any(|row| row.peer.is_some()) { HEADER.len() } else { 4 };
    let lines: Vec<[String; 7]> = std::iter::once(HEADER.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = widths.iter().zip(line).enumerate().map(|(column, (width, cell))| match column {
            0 | 5 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 7] {
    let peer = row.peer.as_ref();
    [
        row.name.clone(),
        row.n.to_string(),
        figure(row.unit, row.median),
        figure(row.unit, row.p99),
        peer.map(|peer| format!("{:.2}×", peer.ratio)).unwrap_or_default(),
        peer.map(|peer| peer.name.clone()).unwrap_or_default(),
        peer.map(|peer| figure(row.unit, peer.median)).unwrap_or_default(),
    ]
}

/// A time, or a rate with its unit.
fn figure(unit: &str, value: f64) -> String {
    if unit == "ns" { duration(value) } else { format!("{value:.0} {unit}") }
}

/// Three significant digits or so, in the unit that suits.
fn duration(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.0} ns"),
        _ if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        _ if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Peer;

    fn row(name: &str, median: f64, peer: Option<Peer>) -> Row {
        Row { name: name.into(), unit: "ns", n: 100, median, p99: median * 10.0, peer }
    }

    #[test]
    fn columns_line_up_and_peers_show_when_there_are_any() {
        let alone = render(&[row("warm call", 310.0, None)]);
        assert_eq!(alone, "           samples  median      p99\nwarm call      100  310 ns  3.10 µs\n");
        let peer = Peer { name: "EVM".into(), median: 155.0, ratio: 2.0 };
        let both = render(&[row("warm", 310.0, Some(peer)), row("fresh", 5e3, None)]);
        let lines: Vec<_> = both.lines().collect();
        assert_eq!(lines[0], "       samples   median       p99  ratio  peer  peer median");
        assert_eq!(lines[1], "warm       100   310 ns   3.10 µs  2.00×  EVM        155 ns");
        assert_eq!(lines[2], "fresh      100  5.00 µs  50.00 µs");
    }

    #[test]
    fn rates_keep_their_unit() {
        let row = Row { unit: "tx/s", ..row("transfers", 20_000.4, None) };
        assert_eq!(render(&[row]).lines().nth(1), Some("transfers      100  20000 tx/s  200004 tx/s"));
    }

    #[test]
    fn durations_take_the_unit_that_suits() {
        for (ns, want) in [(0.4, "0 ns"), (999.0, "999 ns"), (5_000.0, "5.00 µs"), (2.5e6, "2.50 ms"), (3e9, "3.00 s")]
        {
            assert_eq!(duration(ns), want);
        }
    }
}
