//! The table of all steps, aligned and in Markdown at once.

use std::{fmt::Write as _, time::Duration};

use crate::{road::Row, step::Step};

/// The table.
pub fn table(rows: &[(Step, Row)], seed: u64, took: Duration) -> String {
    let head = [
        "step",
        "killed in it",
        "beside it",
        "again at start",
        "restarts that went on",
        "ended as",
        "acknowledged, each once",
        "replay",
    ];
    let mut cells = vec![head.map(str::to_owned)];
    for (step, row) in rows {
        let ended: Vec<_> = row.ended.iter().map(|(end, times)| format!("{end} {times}")).collect();
        cells.push([
            step.name().to_owned(),
            row.hits.to_string(),
            row.misses.to_string(),
            row.again.to_string(),
            format!("{} of {}", row.went_on, row.hits + row.misses),
            ended.join(", "),
            row.acknowledged.to_string(),
            format!("equal, {} blocks", row.replayed),
        ]);
    }
    let widths: [usize; 8] = std::array::from_fn(|at| cells.iter().map(|row| row[at].len()).max().unwrap_or(0));
    let mut text = format!("# `kill -9` at every step of a swap\n\nSeed {seed}, {} s.\n\n", took.as_secs());
    for (place, row) in cells.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text += "|\n";
        if place == 0 {
            widths.iter().for_each(|width| text += &format!("|{}", "-".repeat(width + 2)));
            text += "|\n";
        }
    }
    text
}
