//! The tables, aligned and in Markdown at once.

use std::{fmt::Write as _, time::Duration};

use crate::{damage, damage::Damage, faults, kills, tears, tears::Tear};

/// All tables, filled one store after another.
pub struct Tables {
    seed: u64,
    kills: Vec<Vec<String>>,
    tears: Vec<Vec<String>>,
    damage: Vec<Vec<String>>,
}

impl Tables {
    pub fn new(seed: u64) -> Self {
        let row = |cells: &[&str]| vec![cells.iter().map(|cell| (*cell).to_owned()).collect()];
        Self {
            seed,
            kills: row(&[
                "store",
                "kills",
                "while it started",
                "acknowledged",
                "with receipt",
                "in no block at a death",
                "replay",
                "kills/s",
            ]),
            tears: row(&[
                "store",
                "the log is",
                "places",
                "tail cut, went on",
                "store ahead: refused, made again",
                "refused, nothing changed",
            ]),
            damage: row(&[
                "store",
                "damage",
                "times",
                "harmless",
                "seen at opening, made again",
                "met later, made again",
                "seen by the audit alone, made again",
            ]),
        }
    }

    pub fn kills(&mut self, store: &str, row: &kills::Row) {
        self.kills.push(vec![
            store.to_owned(),
            row.kills.to_string(),
            row.starting.to_string(),
            row.accepted.to_string(),
            row.receipts.to_string(),
            row.waited.to_string(),
            format!("equal, {} blocks", row.replayed),
            format!("{:.1}", row.kills as f64 / row.took.as_secs_f64()),
        ]);
    }

    pub fn tears(&mut self, store: &str, rows: &[(Tear, tears::Row)]) {
        for (tear, row) in rows {
            let what = match tear {
                Tear::Cut => "cut off",
                Tear::Zeroed => "zeroed from there",
                Tear::Flipped => "one byte changed",
            };
            let counts = [row.places, row.cut, row.ahead, row.refused].map(|count| count.to_string());
            self.tears.push([store.to_owned(), what.to_owned()].into_iter().chain(counts).collect());
        }
    }

    pub fn damage(&mut self, store: &str, rows: &[(Damage, damage::Row)]) {
        for (damage, row) in rows {
            let what = match damage {
                Damage::Bit => "one bit",
                Damage::Page => "4 KiB zeroed",
                Damage::Cut => "file cut",
                Damage::Removed => "file removed",
            };
            let counts = [row.times, row.harmless, row.opening, row.reading, row.audit].map(|count| count.to_string());
            self.damage.push([store.to_owned(), what.to_owned()].into_iter().chain(counts).collect());
        }
    }

    pub fn text(&self, took: Duration) -> String {
        let mut text = format!(
            "# Crashes and damage\n\nSeed {}, {} s. A transaction lost or there twice, a block lost before a tear, or a root \
             other than the replay's ends the test without this table.\n",
            self.seed,
            took.as_secs()
        );
        for (title, rows) in [
            ("`kill -9` under load", &self.kills),
            ("Torn block logs, each with a store at its end and with one half-way", &self.tears),
            ("Damaged files of the store", &self.damage),
        ] {
            let _ = writeln!(text, "\n{title}:\n\n{}", table(rows));
        }
        text
    }
}

/// What came of the faults of the machine, store by store.
pub fn faults(stores: &[(&str, Vec<faults::Row>)]) -> String {
    let head = ["fault", "store", "the node says", "blocks", "acknowledged", "refused", "goes on"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    for (store, found) in stores {
        rows.extend(found.iter().map(|row| {
            let (accepted, refused) = (row.accepted.to_string(), row.refused.to_string());
            let (said, blocks, after) = (row.said.clone(), row.blocks.to_owned(), row.after.clone());
            vec![row.fault.clone(), (*store).to_owned(), said, blocks, accepted, refused, after]
        }));
    }
    format!(
        "# Faults of the machine\n\nAll that was acknowledged is in blocks in the end, and a replay gives the same roots.\n\n{}",
        table(&rows)
    )
}

fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column < 1 { write!(text, "| {cell:width$} ") } else { write!(text, "| {cell:>width$} ") };
        }
        text += "|\n";
        if place == 0 {
            widths.iter().for_each(|width| text += &format!("|{}", "-".repeat(width + 2)));
            text += "|\n";
        }
    }
    text
}
