//! The table that the run writes: input, error, how long the longest block took, and who is alive.

use std::{path::PathBuf, time::Duration};

use crate::arena::Alive;

/// One line.
pub struct Row {
    pub group: &'static str,
    pub input: String,
    pub error: String,
    pub longest: Duration,
    pub alive: Alive,
}

/// Markdown with aligned columns, a section for each group.
pub fn render(rows: &[&Row]) -> String {
    let head = ["input", "error", "longest block", "chain alive", "others alive"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let yes = |alive| if alive { "yes" } else { "NO" }.to_owned();
        let longest = format!("{:.1} ms", row.longest.as_secs_f64() * 1e3);
        (row.group, [row.input.clone(), row.error.clone(), longest, yes(row.alive.this), yes(row.alive.others)])
    });
    let cells: Vec<_> = cells.collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| cells.iter().map(|(_, row)| &row[column]).chain([&head[column]]).map(|c| c.chars().count()).max())
        .map(|most| most.unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let padded = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            2 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(at, w)| "-".repeat(w - usize::from(at == 2)) + if at == 2 { ":" } else { "" })
        .collect();
    let mut text = String::from("# Hostile input: what came of it\n");
    let mut group = "";
    for (of, row) in &cells {
        if *of != group {
            group = of;
            text += &format!("\n## {group}\n\n{}{}", line(&head), line(&rule));
        }
        text += &line(row);
    }
    text
}

/// `hostile.md` in the folder of build results.
pub fn path() -> PathBuf {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("hostile.md")
}

/// An error in one short line.
pub fn short(error: &str) -> String {
    const MOST: usize = 110;
    let line = error.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
